"""Changing the profile of one's own account."""

from accounts.models import User


def change(user: User, *, name: str | None = None) -> None:
    """Change what is given, and nothing else: a suspension meanwhile stands."""
    if name is not None:
        User.objects.filter(pk=user.pk).update(name=name)
        user.name = name
