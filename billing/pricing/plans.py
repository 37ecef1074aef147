"""The default plans of a new installation, here and at Stripe."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from django.db import transaction
from django.utils.translation import gettext_noop as _

from billing.models import Interval, Plan, Price
from billing.pricing import prices
from billing.stripe import gateway
from tokens.tiers import seed_tiers


@dataclass(frozen=True)
class PlanDefaults:
    """Prices in US cents."""

    description: str
    price_month: int
    price_year: int
    position: int


DEFAULTS = {
    "free": PlanDefaults(_("Try it: a free allowance of tokens every month."), 0, 0, 0),
    "pro": PlanDefaults(_("For developers who code with AI every day."), 2_000, 20_000, 1),
    "enterprise": PlanDefaults(_("For teams, with high limits."), 20_000, 200_000, 2),
}


@transaction.atomic
def seed_plans() -> list[str]:
    """Create the plans that are missing; what staff changed stays. Returns the new names."""
    seed_tiers()
    return [name for name in DEFAULTS if _seed(name)]


def all_plans() -> list[Plan]:
    """Return every plan, with its tier."""
    return list(Plan.objects.select_related("tier"))


def sell_at_stripe(plans: Sequence[Plan] | None = None, *, dry_run: bool = False) -> list[str]:
    """Give every plan that costs something its product and prices at Stripe; returns what it made.

    What is there is found by its name (``lookup_key``) and used. A price that staff have changed
    gets a successor: who pays the old one goes on doing so. Raises ``BillingUnavailable``.
    """
    wanted = {
        _lookup_key(plan, interval): (plan, interval)
        for plan in (all_plans() if plans is None else plans)
        for interval in Interval.values
        if plan.amount(interval)
    }
    found = gateway.prices_by_lookup_key(list(wanted)) if wanted else {}
    lines: list[str] = []
    products: dict[str, str] = {}
    for key, (plan, interval) in wanted.items():
        price = found.get(key)
        if price and _is_right(price, plan, interval):
            if not dry_run:
                _put_on_sale(price, plan, interval)
            continue
        lines.append(f"{key}: {plan.amount(interval)} {plan.currency}")
        if not dry_run:
            product = _product(plan, products)
            made = _new_price(plan, interval, key, product=product, after=price)
            _put_on_sale(made, plan, interval)
    return lines


def _seed(name: str) -> bool:
    return Plan.objects.get_or_create(tier_id=name, defaults=asdict(DEFAULTS[name]))[1]


def _lookup_key(plan: Plan, interval: str) -> str:
    return f"tokengate_{plan.pk}_{interval}"


def _is_right(price: gateway.Obj, plan: Plan, interval: str) -> bool:
    terms = (price["unit_amount"], price["currency"], (price["recurring"] or {}).get("interval"))
    ours = price["metadata"].get("plan") == plan.pk
    return ours and terms == (plan.amount(interval), plan.currency, interval)


def _new_price(
    plan: Plan, interval: str, key: str, *, product: str, after: gateway.Obj | None
) -> gateway.Obj:
    terms = f"{key}:{plan.amount(interval)}:{plan.currency}"
    return gateway.create_price(
        product=product,
        plan=plan.pk,
        interval=interval,
        amount=plan.amount(interval),
        currency=plan.currency,
        lookup_key=key,
        key=f"price:{terms}:{product}:{after['id'] if after else ''}",
    )


def _product(plan: Plan, known: dict[str, str]) -> str:
    """Return the plan's product at Stripe, which is found by its mark or made."""
    if not known:
        known |= {one["metadata"].get("plan", ""): one["id"] for one in gateway.products()}
    if plan.pk not in known:
        key = f"product:{plan.pk}:{plan.tier.title}"
        known[plan.pk] = gateway.create_product(plan=plan.pk, title=plan.tier.title, key=key)["id"]
    Plan.objects.filter(pk=plan.pk).update(stripe_product=known[plan.pk])
    return known[plan.pk]


@transaction.atomic
def _put_on_sale(found: gateway.Obj, plan: Plan, interval: str) -> None:
    """Have new subscriptions pay this price."""
    outdated = Price.objects.filter(plan=plan, interval=interval, active=True)
    outdated.exclude(pk=found["id"]).update(active=False)
    prices.put_on_sale(found)
