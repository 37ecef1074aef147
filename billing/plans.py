"""The plans that a fresh installation starts with."""

from dataclasses import asdict, dataclass

from django.db import transaction

from billing.models import Plan
from tokens.tiers import seed_tiers


@dataclass(frozen=True)
class PlanDefaults:
    """Prices in US cents."""

    description: str
    price_month: int
    price_year: int
    position: int


DEFAULTS = {
    "free": PlanDefaults("Try it: every month some tokens for free.", 0, 0, 0),
    "pro": PlanDefaults("For developers who code with AI every day.", 2_000, 20_000, 1),
    "enterprise": PlanDefaults("For teams, with high limits.", 20_000, 200_000, 2),
}


@transaction.atomic
def seed_plans() -> list[str]:
    """Create the plans that are missing; what staff changed stays. Returns the new names."""
    seed_tiers()
    return [name for name in DEFAULTS if _seed(name)]


def _seed(name: str) -> bool:
    return Plan.objects.get_or_create(tier_id=name, defaults=asdict(DEFAULTS[name]))[1]
