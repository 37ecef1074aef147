"""Which plan a price of Stripe's stands for."""

from collections.abc import Iterable

from billing import gateway
from billing.errors import SubscriptionBusy, UnknownPlan, UnknownPrice
from billing.models import Interval, Plan, Price


def learn(price_ids: Iterable[str]) -> None:
    """Note prices of Stripe's that we do not know yet; asks the network for those only."""
    wanted = set(price_ids)
    known = Price.objects.filter(pk__in=wanted).values_list("pk", flat=True)
    for price_id in wanted - set(known):
        keep(gateway.price(price_id), active=False)


def keep(found: gateway.Obj, *, active: bool) -> None:
    """Note a price. Raises ``UnknownPrice`` unless it is one of our plans', monthly or yearly.

    One that staff made at Stripe's dashboard is known by its product.
    """
    recurring = found.get("recurring") or {}
    interval = recurring.get("interval")
    plan = _plan_of(found)
    fits = interval in Interval.values and recurring.get("interval_count", 1) == 1
    if plan is None or not fits or found["unit_amount"] is None:
        raise UnknownPrice(f"The price {found['id']} belongs to no plan.")
    values = {
        "plan": plan,
        "interval": interval,
        "amount": found["unit_amount"],
        "currency": found["currency"],
    }
    Price.objects.update_or_create(pk=found["id"], defaults={**values, "active": active})


def _plan_of(found: gateway.Obj) -> Plan | None:
    named = Plan.objects.filter(pk=found["metadata"].get("plan", "")).first()
    product = found.get("product")
    return named or (Plan.objects.filter(stripe_product=product).first() if product else None)


def known(price_id: str) -> Price:
    """Return a price that was learned. Raises ``UnknownPrice``."""
    found = Price.objects.select_related("plan__tier").filter(pk=price_id).first()
    if found is None:
        raise UnknownPrice(f"The price {price_id} belongs to no plan.")
    return found


def for_sale(plan: str, interval: str) -> Price:
    """Return what a new subscription pays, which is what the price list says.

    Raises ``UnknownPlan``, and ``SubscriptionBusy`` until a changed price has been made at Stripe.
    """
    prices = Price.objects.select_related("plan__tier")
    found = prices.filter(plan_id=plan, plan__public=True, interval=interval, active=True).first()
    if found is None or not found.plan.amount(interval):
        raise UnknownPlan
    if (found.amount, found.currency) != (found.plan.amount(interval), found.plan.currency):
        raise SubscriptionBusy("The price of this plan is being changed. Please try again.")
    return found
