"""Changing the profile of one's own account."""

from accounts.models import User


def change(user: User, *, name: str | None = None) -> None:
    """Update only the given fields, so that a concurrent suspension is not overwritten."""
    if name is not None:
        User.objects.filter(pk=user.pk).update(name=name)
        user.name = name
