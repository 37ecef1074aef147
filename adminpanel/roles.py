"""The groups of staff that every site begins with. What is changed in them later stays so."""

from functools import reduce
from operator import or_
from typing import Any

from django.contrib.auth.models import Group, Permission
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


def seed(**_: Any) -> None:
    """Make the groups that are missing: Django calls this after `migrate`, by a signal."""
    for name, beginnings in ROLES.items():
        group, is_new = Group.objects.get_or_create(name=name)
        if is_new:
            group.permissions.set(_permissions(beginnings))


def _permissions(beginnings: tuple[str, ...]) -> QuerySet[Permission]:
    conditions = (
        Q(content_type__app_label=app, codename__startswith=name)
        for app, _, name in (each.partition(".") for each in beginnings)
    )
    return Permission.objects.filter(reduce(or_, conditions))
