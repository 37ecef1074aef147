"""The plan that a Stripe price belongs to."""

from collections.abc import Iterable
from typing import Any

from billing.errors import SubscriptionBusy, UnknownPlan, UnknownPrice
from billing.models import Interval, Plan, Price
from billing.stripe import gateway


def learn(price_ids: Iterable[str]) -> None:
    """Note prices of Stripe's that we do not know yet; asks the network for those only."""
    note(read_new(price_ids))


def read_new(price_ids: Iterable[str]) -> list[gateway.Obj]:
    """Read the prices that are not noted yet, and write nothing. Raises ``UnknownPrice``."""
    wanted = set(price_ids)
    known = Price.objects.filter(pk__in=wanted).values_list("pk", flat=True)
    found = [gateway.price(price_id) for price_id in sorted(wanted - set(known))]
    for price in found:
        _terms(price)
    return found


def note(found: Iterable[gateway.Obj]) -> None:
    """Note prices that somebody pays. One that was put on sale since it was read stays so."""
    for price in found:
        terms = {**_terms(price), "active": False}
        Price.objects.get_or_create(pk=price["id"], defaults=terms)


def put_on_sale(found: gateway.Obj) -> None:
    """Note a price as what new subscriptions pay. Raises ``UnknownPrice``."""
    terms = {**_terms(found), "active": True}
    Price.objects.update_or_create(pk=found["id"], defaults=terms)


def _terms(found: gateway.Obj) -> dict[str, Any]:
    """Raise ``UnknownPrice`` unless a price is one of our plans', monthly or yearly.

    One that staff made at Stripe's dashboard is known by its product.
    """
    recurring = found.get("recurring") or {}
    interval = recurring.get("interval")
    plan = _plan_of(found)
    fits = interval in Interval.values and recurring.get("interval_count", 1) == 1
    if plan is None or not fits or found["unit_amount"] is None:
        raise UnknownPrice(f"The price {found['id']} does not belong to any plan.")
    return {
        "plan": plan,
        "interval": interval,
        "amount": found["unit_amount"],
        "currency": found["currency"],
    }


def _plan_of(found: gateway.Obj) -> Plan | None:
    named = Plan.objects.filter(pk=found["metadata"].get("plan", "")).first()
    product = found.get("product")
    return named or (Plan.objects.filter(stripe_product=product).first() if product else None)


def known(price_id: str) -> Price:
    """Return a price that was learned. Raises ``UnknownPrice``."""
    found = Price.objects.select_related("plan__tier").filter(pk=price_id).first()
    if found is None:
        raise UnknownPrice(f"The price {price_id} does not belong to any plan.")
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
