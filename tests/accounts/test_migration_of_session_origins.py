"""Sessions that were there before their origin was recorded: an editor's is never trusted."""

from importlib import import_module

import pytest
from allauth.idp.oidc.models import Client
from django.apps import apps
from django.db import connection

from accounts.models import Session, User
from accounts.sessions import session_pairs

derive = import_module("accounts.migrations.0005_session_origin").derive


@pytest.mark.parametrize(
    ("name", "second_factor", "expected"),
    [
        ("Visual Studio Code", False, "oauth"),
        ("Cursor", False, "oauth"),
        ("An editor of our own", False, "oauth"),
        ("Visual Studio Code", True, "password"),
        ("Firefox on Linux", False, "password"),
        ("", False, "password"),
    ],
)
def test_what_can_be_told(user: User, name: str, second_factor: bool, expected: str) -> None:
    Client.objects.create(id="own", name="An editor of our own")
    session_pairs.issue(user, name=name, second_factor=second_factor, origin="unknown")

    derive(apps, connection.schema_editor())

    assert Session.objects.get(user=user).origin == expected


def test_a_row_that_an_older_version_writes_is_of_unknown_origin(user: User) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO accounts_session (id, user_id, name, created_at, last_used_at, expires_at,"
            " refresh_id, rotated_at, second_factor) VALUES (gen_random_uuid(), %s, 'x', now(),"
            " now(), now(), gen_random_uuid(), now(), false)",
            [user.pk],
        )

    assert Session.objects.get(user=user).origin == "unknown"
