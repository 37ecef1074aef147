"""Plans as the pages show them side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from billing.models import Plan
from tokens.models import Tier


@dataclass(frozen=True)
class Offer:
    """A plan at an interval. ``saves``: by how many percent a year is cheaper than its months."""

    plan: Plan
    tier: Tier
    amount: int
    saves: int
    change: Any


def offers(plans: Sequence[Plan], interval: str) -> list[Offer]:
    """Return the plans with what each costs, and what changing to it means for the visitor."""
    return [
        Offer(
            plan,
            plan.tier,
            plan.amount(interval),
            _saved_by_a_year(plan),
            (getattr(plan, "comparison", None) or {}).get("change"),
        )
        for plan in plans
    ]


def _saved_by_a_year(plan: Plan) -> int:
    months = 12 * plan.price_month
    return round(100 * (months - plan.price_year) / months) if months and plan.price_year else 0
