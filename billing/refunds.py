"""Money that went back takes with it the tokens that are unspent."""

from django.db import transaction

from billing import allocation, gateway, state
from billing.models import Invoice

_WON = ("won", "warning_closed", "prevented")


def after_refund(charge_id: str) -> None:
    """Take the refunded part of an invoice's tokens back, as far as they are unspent."""
    charge = gateway.charge(charge_id)
    _settle(charge, lost=charge["amount_refunded"], source=f"refund:{charge_id}")


def after_dispute(dispute_id: str) -> None:
    """Treat disputed money as refunded, unless the dispute was won before we heard of it.

    What a later victory brings back staff give back: there may have been tokens bought since.
    """
    dispute = gateway.dispute(dispute_id)
    if dispute["status"] in _WON:
        return
    charge = gateway.charge(dispute["charge"])
    lost = charge["amount_refunded"] + dispute["amount"]
    _settle(charge, lost=lost, source=f"dispute:{dispute_id}")


def _settle(charge: gateway.Obj, *, lost: int, source: str) -> None:
    invoice_id = _invoice_of(charge)
    if invoice_id is None:
        return
    with transaction.atomic():
        invoices = Invoice.objects.select_for_update(of=("self",)).select_related("subscription")
        invoice = invoices.get(pk=invoice_id)
        refunded = min(lost, invoice.paid)
        if refunded <= invoice.refunded:
            return
        wanted = (invoice.tokens or 0) * refunded // invoice.paid - invoice.taken_back
        allocation.take_back(invoice, wanted=wanted, source=f"{source}:{refunded}")
        Invoice.objects.filter(pk=invoice.pk).update(
            refunded=refunded, taken_back=invoice.taken_back + max(0, wanted)
        )


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
