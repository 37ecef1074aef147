"""The initial staff groups of a site. Later changes to them are kept."""

from functools import reduce
from operator import or_
from typing import Any

from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.db.models import Q, QuerySet

_APPS = (
    "accounts",
    "admin",
    "apikeys",
    "auth",
    "billing",
    "djstripe",
    "llmproxy",
    "mfa",
    "tokens",
)
# Role -> how the names of its permissions (`app.codename`) begin.
ROLES: dict[str, tuple[str, ...]] = {
    "support": (
        "accounts.view_",
        "accounts.change_session",
        "apikeys.view_",
        "apikeys.change_apikey",
        "billing.view_",
        "llmproxy.view_",
        "tokens.view_",
    ),
    "finance": ("accounts.view_user", "billing.", "djstripe.view_", "llmproxy.view_", "tokens."),
    "admin": (
        "accounts.",
        "admin.",
        "apikeys.",
        "auth.",
        "billing.",
        "djstripe.",
        "llmproxy.",
        "mfa.",
        "tokens.",
    ),
}


@transaction.atomic
def seed(*, apps: Any = installed, **_: Any) -> None:
    """Create the missing groups. Django calls this after `migrate`, by a signal.

    ``apps`` are those that have been migrated: not before all have, can a group get its rights.
    """
    if not {each.label for each in apps.get_app_configs()}.issuperset(_APPS):
        return
    missing = ROLES.keys() - set(Group.objects.values_list("name", flat=True))
    if missing:
        for app in _APPS:  # Django makes them, too, but for some apps only after this.
            create_permissions(installed.get_app_config(app), verbosity=0)
    for name in missing:
        group = Group.objects.get_or_create(name=name)[0]
        group.permissions.set(_permissions(ROLES[name]))


def _permissions(beginnings: tuple[str, ...]) -> QuerySet[Permission]:
    conditions = (
        Q(content_type__app_label=app, codename__startswith=name)
        for app, _, name in (each.partition(".") for each in beginnings)
    )
    return Permission.objects.filter(reduce(or_, conditions))
