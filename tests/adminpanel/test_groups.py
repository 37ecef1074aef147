"""Migrating makes the groups of staff, and leaves alone what was changed in them."""

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from adminpanel.access import roles

pytestmark = pytest.mark.django_db


def rights(name: str) -> set[str]:
    permissions = Group.objects.get(name=name).permissions.select_related("content_type")
    return {f"{each.content_type.app_label}.{each.codename}" for each in permissions}


@pytest.mark.parametrize("name", roles.ROLES)
def test_a_database_that_was_only_migrated_has_the_group_with_its_rights(name: str) -> None:
    assert rights(name)
    assert all(right.startswith(roles.ROLES[name]) for right in rights(name))


def test_the_rights_span_the_apps_that_are_migrated_last() -> None:
    assert "djstripe.view_customer" in rights("finance")
    assert "mfa.delete_authenticator" in rights("admin")


def test_a_group_that_is_missing_comes_back_with_the_next_migration() -> None:
    before = rights("support")
    Group.objects.get(name="support").delete()

    call_command("migrate", verbosity=0)

    assert rights("support") == before


def test_what_was_changed_in_a_group_stays_so() -> None:
    Group.objects.get(name="support").permissions.clear()

    call_command("migrate", verbosity=0)

    assert rights("support") == set()


def test_no_group_is_made_before_its_rights_can_be() -> None:
    Group.objects.all().delete()

    halfway = MigrationLoader(connection).project_state([("accounts", "0001_initial")])
    roles.seed(apps=halfway.apps)

    assert not Group.objects.exists()
