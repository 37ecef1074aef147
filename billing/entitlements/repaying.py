"""Paying back an invoice or a purchase at Stripe, as staff ask for it."""

from dataclasses import dataclass
from uuid import UUID

import structlog

from billing.entitlements import refunds
from billing.models import Invoice, TopUp
from billing.stripe import gateway
from billing.stripe import readings as read
from core.errors import ApiError, Conflict, InvalidRequest

log = structlog.get_logger("tokengate.billing")


@dataclass(frozen=True)
class Payment:
    """An invoice or a purchase, and what can be paid back of it, in cents of its currency."""

    row: Invoice | TopUp

    @property
    def currency(self) -> str:
        return self.row.currency

    @property
    def left(self) -> int:
        return self.row.paid - self.row.refunded


def check(payment: Payment, *, amount: int) -> str:
    """Return the payment's id at Stripe. Raises ``Conflict`` if there is nothing to pay back.

    Raises ``InvalidRequest`` for an amount that is not from 1 to what is left.
    """
    intent = payment.row.payment_intent
    if not intent or payment.left < 1:
        raise Conflict("Nothing of this payment is left to refund.")
    if not 1 <= amount <= payment.left:
        raise InvalidRequest("Refund at most what is left of the payment.", param="amount")
    return intent


def repay(payment: Payment, *, amount: int, once: UUID) -> None:
    """Pay back ``amount`` cents, once for each ``once``, and take back the tokens of that part.

    Stripe refuses more than is left, whatever others do meanwhile. The event that Stripe sends
    takes back the tokens too, so a failure after the payment loses nothing. Raises
    ``InvalidRequest`` and ``BillingUnavailable``. Do not call it inside a transaction.
    """
    made = gateway.refund(
        intent_id=payment.row.payment_intent or "",
        amount=amount,
        metadata={"tokengate_refund": str(once)},
        key=f"refund:{once}",
    )
    charge = read.identifier(made["charge"])
    try:
        if charge:
            refunds.settle(charge)
    except ApiError as failed:
        log.warning("refund_settled_later", charge=charge, error=failed.code)
