"""Refunds and disputes take back unspent tokens; a dispute that is won returns them.

The refunded amount of a payment is recomputed each time as the sum of its refunds and of its
disputes that are not won, so events can arrive late, twice and in any order.
"""

from django.db import transaction

from billing.entitlements import allocation, state
from billing.errors import SubscriptionBusy
from billing.models import AutomaticTopUp, Invoice, TopUp
from billing.stripe import gateway
from billing.topups import automatic
from billing.topups import refunds as purchases

_ATTEMPTS = 8
_Stopped = AutomaticTopUp.Stopped
_OVER = ("won", "warning_closed", "prevented")
_WON = ("won", "warning_needs_response", "warning_under_review", "warning_closed", "prevented")


def settle(charge_id: str, *, why: str = _Stopped.REFUNDED) -> tuple[Invoice | TopUp | None, int]:
    """Hold the tokens of an invoice or a purchase against what is left of its payment.

    ``why`` is why the automatic top-up is turned off, if too few are left. Returns what was paid,
    unless it is none of ours, and how many cents it had lost before. Raises ``SubscriptionBusy``
    after many attempts.
    """
    charge = gateway.charge(charge_id)
    if top_up := purchases.of_charge(charge):
        return _settle_top_up(top_up, charge_id, why=why)
    invoice_id = _invoice_of(charge)
    if invoice_id is None:
        return None, 0
    for _ in range(_ATTEMPTS):
        seen = Invoice.objects.values_list("settlements", flat=True).get(pk=invoice_id)
        lost = _lost(charge_id)
        if written := _write(invoice_id, lost=lost, seen=seen, why=why):
            return written
    raise SubscriptionBusy


def _settle_top_up(row: TopUp, charge_id: str, *, why: str) -> tuple[TopUp, int]:
    for _ in range(_ATTEMPTS):
        seen = TopUp.objects.values_list("settlements", flat=True).get(pk=row.pk)
        if written := purchases.write(row, lost=_lost(charge_id), seen=seen, why=why):
            return written
    raise SubscriptionBusy


def _lost(charge_id: str) -> int:
    """Return how many cents of a payment went back, as Stripe says now."""
    charge = gateway.charge(charge_id)
    disputes = gateway.disputes_of(charge_id) if charge["disputed"] else []
    disputed = sum(one["amount"] for one in disputes if one["status"] not in _WON)
    return int(charge["amount_refunded"] + disputed)


def settle_disputed(dispute_id: str) -> None:
    """Treat disputed money as refunded, until the dispute is won.

    Whoever disputes a purchase or an invoice is charged no more without being asked.
    """
    dispute = gateway.dispute(dispute_id)
    found, _ = settle(dispute["charge"], why=_Stopped.DISPUTED)
    if found and dispute["status"] not in _OVER:
        user_id = found.user_id if isinstance(found, TopUp) else found.subscription.user_id
        automatic.stop(user_id, _Stopped.DISPUTED)


@transaction.atomic
def _write(invoice_id: str, *, lost: int, seen: int, why: str) -> tuple[Invoice, int] | None:
    """Write what was lost; None where somebody has written since it was read."""
    invoices = Invoice.objects.select_for_update(of=("self",)).select_related("subscription")
    invoice = invoices.get(pk=invoice_id)
    if invoice.settlements != seen:
        return None
    before, invoice.refunded = invoice.refunded, min(lost, invoice.paid)
    if invoice.refunded > before:
        wanted = _share(invoice, invoice.refunded) - _share(invoice, before)
        invoice.taken_back += allocation.take_back(invoice, wanted=wanted)
        automatic.stop_below(invoice.subscription.user_id, why)
    elif invoice.refunded < before:
        surplus = invoice.taken_back - _share(invoice, invoice.refunded)
        invoice.taken_back -= allocation.give_back(invoice, surplus=surplus)
    if invoice.refunded != before:
        invoice.settlements += 1
        invoice.save(update_fields=["refunded", "taken_back", "settlements"])
    return invoice, before


def _share(invoice: Invoice, cents: int) -> int:
    """Return the part of the invoice's tokens that so much of its money bought."""
    return (invoice.tokens or 0) * cents // invoice.paid


def _invoice_of(charge: gateway.Obj) -> str | None:
    """Return the id of the invoice that a charge paid, once it is noted here."""
    intent = charge.get("payment_intent")
    invoice_id = gateway.invoice_of_payment(intent) if intent else None
    if invoice_id is None:
        return None
    if not Invoice.objects.filter(pk=invoice_id).exists():
        subscription_id = gateway.subscription_of_invoice(invoice_id)
        if subscription_id is None or state.refresh(subscription_id) is None:
            return None
    return invoice_id if Invoice.objects.filter(pk=invoice_id).exists() else None
