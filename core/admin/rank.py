"""Which staff may act on which users: the rule of rank.

A superuser can act on everyone. Others can act only on users who have fewer permissions: the actor
must have every permission of the target and at least one more. So staff cannot act on their peers,
on users with other permissions, or on themselves.

All granted permissions count, by groups and individually. A target that is suspended or not on the
staff keeps their rank, because one click would restore their permissions.

Only superusers can change groups, permissions and the staff flags (``GIVES_RIGHTS``).
"""

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db.models import Q, QuerySet

from core.errors import PermissionDenied

# Fields of the user that only a superuser writes.
GIVES_RIGHTS = ("is_staff", "is_superuser", "groups", "user_permissions")
_HAS_RIGHTS = (
    Q(is_superuser=True) | Q(groups__permissions__isnull=False) | Q(user_permissions__isnull=False)
)
_TOLD = "You can only act on users whose rank is below yours."


def may_act_on(actor: Any, target: Any) -> bool:
    """Tell whether the staff may change the target, or anything that is theirs."""
    if actor.is_superuser:
        return True
    if target.is_superuser or actor.pk == target.pk:
        return False
    return _rights(target) < _rights(actor)


def require(actor: Any, target: Any) -> None:
    """Raise ``PermissionDenied`` unless the staff may act on the target."""
    if not may_act_on(actor, target):
        raise PermissionDenied(_TOLD)


def require_of_all(actor: Any, targets: QuerySet[Any]) -> None:
    """Raise ``PermissionDenied`` unless the staff may act on each of many users.

    Only those who hold any right are looked at, and they are few.
    """
    if actor.is_superuser:
        return
    own = targets.filter(pk=actor.pk).exists()
    holders = targets.filter(_HAS_RIGHTS).distinct()
    if own or not _rights(actor) or not all(may_act_on(actor, each) for each in holders):
        raise PermissionDenied(_TOLD)


def users_of(rows: QuerySet[Any], path: str) -> QuerySet[Any]:
    """Return the users that rows belong to, by the path of foreign keys that leads to them."""
    return get_user_model()._default_manager.filter(pk__in=rows.order_by().values(path))  # noqa: SLF001


def _rights(user: Any) -> set[int]:
    held = Permission.objects.filter(Q(group__user=user.pk) | Q(user=user.pk))
    return set(held.values_list("pk", flat=True))
