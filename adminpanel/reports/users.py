"""The user list for staff: with plan, tokens and when they were last seen."""

from typing import Any

from django.db.models import (
    BigIntegerField,
    DateTimeField,
    F,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
)
from django.db.models.functions import Coalesce, Greatest

from accounts.models import Session, User
from apikeys.models import ApiKey
from tokens.models import Tier
from tokens.tiers import DEFAULT_TIER, DEFAULTS

STATUSES = {
    "active": Q(is_active=True),
    "suspended": Q(is_active=False, deleted_at=None),
    "deleted": Q(deleted_at__isnull=False),
}
ORDERINGS = {
    "email": "email",
    "date_joined": "date_joined",
    "last_seen": "last_seen",
    "used": "balance__used",
    "available": "available",
}


def found(*, search: str = "", plan: str = "", status: str = "", ordering: str) -> QuerySet[Any]:
    """Return the users that match; `ordering` is one of ``ORDERINGS``, `-` before it reverses.

    Whoever has never come by has no account yet, and is shown with what it will open with.
    """
    users = User.objects.select_related("balance").annotate(
        plan=Coalesce(F("balance__tier_id"), Value(DEFAULT_TIER)),
        allocated=Coalesce(F("balance__allocated"), _opening_allowance()),
        last_seen=Greatest(F("last_login"), _last(Session), _last(ApiKey)),
        available=Coalesce(
            F("balance__allocated")
            + F("balance__bonus")
            - F("balance__used")
            - F("balance__reserved"),
            _opening_allowance(),
            output_field=BigIntegerField(),
        ),
    )
    if search:
        users = users.filter(Q(email__icontains=search) | Q(name__icontains=search))
    if plan:
        users = users.filter(plan=plan)
    if status:
        users = users.filter(STATUSES[status])
    column = F(ORDERINGS[ordering.removeprefix("-")])
    descends = ordering.startswith("-")
    first = column.desc(nulls_last=True) if descends else column.asc(nulls_last=True)
    return users.order_by(first, "pk")


def status_of(user: User) -> str:
    """Return the status, one of ``STATUSES``."""
    if user.is_active:
        return "active"
    return "deleted" if user.is_deleted else "suspended"


def _opening_allowance() -> Coalesce:
    tier = Tier.objects.filter(pk=DEFAULT_TIER).values("monthly_tokens")
    usual = Value(DEFAULTS[DEFAULT_TIER].monthly_tokens, output_field=BigIntegerField())
    return Coalesce(Subquery(tier), usual)


def _last(model: Any) -> Subquery:
    """Return when one of the user's sessions or keys was last used."""
    mine = model.objects.filter(user=OuterRef("pk")).order_by().values("user")
    latest = mine.annotate(latest=Max("last_used_at")).values("latest")
    return Subquery(latest, output_field=DateTimeField())
