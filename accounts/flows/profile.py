"""Changing the profile of one's own account."""

import zoneinfo
from functools import cache
from typing import TypedDict, Unpack

from accounts.models import User


class Profile(TypedDict, total=False):
    """What users set themselves; an empty language or time zone is that of the browser."""

    name: str
    language: str
    time_zone: str
    mails_balance: bool
    mails_unusual_usage: bool


@cache
def zones() -> frozenset[str]:
    """Return the names of the time zones."""
    return frozenset(zoneinfo.available_timezones())


def change(user: User, **changes: Unpack[Profile]) -> None:
    """Update only the given fields, so that a concurrent suspension is not overwritten."""
    if not changes:
        return
    User.objects.filter(pk=user.pk).update(**changes)
    for name, value in changes.items():
        setattr(user, name, value)
