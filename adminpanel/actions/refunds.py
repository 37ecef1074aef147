"""Refunds by staff: of invoices, and of purchases of tokens."""

from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.utils import timezone

from accounts.models import User
from adminpanel.actions import audit
from billing.entitlements import repaying
from billing.entitlements.repaying import Payment
from billing.models import Invoice, TopUp
from core import currencies
from core.admin import rank
from core.errors import ApiError, Conflict, NotFound

_REPEATED = timedelta(hours=20)
"""For so long, a form that is sent again finishes its refund: Stripe keeps keys for 24 hours."""


def refund_invoice(*, staff: User, invoice_id: str, amount: int, reason: str, once: UUID) -> bool:
    """Refund cents of an invoice, once for each form id; False if that was asked before.

    Raises ``NotFound``, ``PermissionDenied`` for a user who is not below the staff in rank, and
    what ``billing.entitlements.repaying`` does.
    """
    row = Invoice.objects.select_related("subscription__user").filter(pk=invoice_id).first()
    if row is None:
        raise NotFound("There is no such invoice.")
    user = row.subscription.user
    return _refund(Payment(row), staff=staff, user=user, amount=amount, reason=reason, once=once)


def refund_top_up(*, staff: User, top_up_id: UUID, amount: int, reason: str, once: UUID) -> bool:
    """Refund cents of a purchase. Otherwise as ``refund_invoice``."""
    row = TopUp.objects.select_related("user").filter(pk=top_up_id).first()
    if row is None:
        raise NotFound("There is no such purchase.")
    user = row.user
    return _refund(Payment(row), staff=staff, user=user, amount=amount, reason=reason, once=once)


def _refund(
    payment: Payment, *, staff: User, user: User, amount: int, reason: str, once: UUID
) -> bool:
    """Note it first, then pay: a process that dies in between leaves the note.

    Whoever sends the form again after that has the same refund finished at Stripe. After a day,
    Stripe would make another: that raises ``Conflict``.
    """
    rank.require(staff, user)
    asked_at = _asked_at(payment, once)
    is_first = asked_at is None
    if asked_at and timezone.now() - asked_at > _REPEATED:
        raise Conflict("This form was sent long ago. Open it again to refund more.")
    if is_first:
        repaying.check(payment, amount=amount)
        _note(payment, staff, f"{_money(amount, payment)} asked for ({once})", reason)
    try:
        repaying.repay(payment, amount=amount, once=once)
    except ApiError as refused:
        _note(payment, staff, f"failed: {refused.message}", reason)
        raise
    return is_first


def _asked_at(payment: Payment, once: UUID) -> datetime | None:
    kind = ContentType.objects.get_for_model(payment.row)
    about = LogEntry.objects.filter(content_type=kind, object_id=str(payment.row.pk))
    first = about.filter(change_message__contains=f"({once})").order_by("action_time").first()
    return first.action_time if first else None


def _note(payment: Payment, staff: User, what: str, reason: str) -> None:
    before = f"{_money(payment.left, payment)} left"
    audit.record(
        staff=staff, target=payment.row, action="refund", before=before, after=what, reason=reason
    )


def _money(cents: int, payment: Payment) -> str:
    return currencies.formatted(cents, payment.currency)
