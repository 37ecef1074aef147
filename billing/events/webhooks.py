"""The webhook endpoint of Stripe: verify, store and process events.

A body is parsed only after its signature was verified, with DEBUG on too. An event is stored before
it is processed, and answered with an error until it is processed. Stripe then sends it again, the
worker retries every few minutes, and staff can process it in the admin. Processing is idempotent
(``billing.entitlements.state``).
"""

import time
from functools import partial
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from billing import messages
from billing.entitlements import refunds, state
from billing.errors import BillingUnavailable, GoneAtStripe, WebhookRefused
from billing.metrics import WEBHOOK_FAILURES, WEBHOOK_LAG
from billing.models import StripeEvent, Subscription
from billing.stripe import events, gateway, signatures
from billing.stripe import readings as read
from billing.stripe.events import Event
from billing.stripe.readings import Obj
from billing.subscriptions import locks, scheduled_changes
from billing.topups import automatic, buying
from core.errors import PayloadTooLarge
from core.http.client import client_address
from core.http.methods import allow_methods
from core.queue import enqueue

log = structlog.get_logger("tokengate.billing")
security = structlog.get_logger("tokengate.security")

# What the endpoint at Stripe has to send. Others are stored, and that is all.
EVENTS = (
    "customer.subscription.created",
    "customer.subscription.updated",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.pending_update_applied",
    "customer.subscription.pending_update_expired",
    "customer.subscription.resumed",
    "customer.subscription.trial_will_end",
    "invoice.finalized",
    "invoice.paid",
    "invoice.payment_succeeded",
    "invoice.payment_failed",
    "invoice.payment_action_required",
    "invoice.voided",
    "invoice.marked_uncollectible",
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "charge.refunded",
    "charge.dispute.created",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
    "charge.dispute.closed",
)


@csrf_exempt
def receive(request: HttpRequest, uuid: UUID | None = None) -> HttpResponse:
    """Receive an event; answer 200 when it is processed.

    ``uuid`` is of addresses in dj-stripe's manner. Their events are signed with the same secret:
    the database holds none.
    """
    allow_methods(request, "POST")
    secret = _secret()
    if len(request.body) > settings.MAX_BODY_BYTES:
        raise PayloadTooLarge
    event = store(_verified(request, secret))
    process(event)
    return JsonResponse({"received": event.pk})


def _secret() -> str:
    secret: str = settings.STRIPE_WEBHOOK_SECRET
    if not secret or not gateway.is_set_up():
        raise BillingUnavailable
    return secret


def _verified(request: HttpRequest, secret: str) -> Event:
    """Return the event. Raises ``WebhookRefused`` unless its signature is valid and recent."""
    header = request.headers.get("Stripe-Signature", "")
    if not signatures.is_good(header, request.body, secret=secret, now=time.time()):
        raise _refused(request, "signature")
    try:
        return events.parse(request.body, needing_id=EVENTS)
    except events.InvalidEvent as odd:
        raise _refused(request, str(odd)) from odd


def _refused(request: HttpRequest, reason: str) -> WebhookRefused:
    security.warning("webhook_refused", reason=reason, address=client_address(request))
    return WebhookRefused()


def store(event: Event) -> StripeEvent:
    """Store the event, once for each id."""
    kept = {"id": event.id, "type": event.type, "data": {"object": event.about}}
    stored, _ = StripeEvent.objects.get_or_create(
        pk=event.id,
        defaults={"type": event.type, "payload": kept, "created_at": event.created_at},
    )
    return stored


def process(event: StripeEvent, *, again: bool = False) -> None:
    """Process an event unless that is done; an error is stored and raised.

    An event about an object that no longer exists at Stripe is done: a repetition would not help.
    """
    if event.processed_at and not again:
        return
    StripeEvent.objects.filter(pk=event.pk).update(attempts=F("attempts") + 1)
    try:
        _answer(event.type, event.payload["data"]["object"])
    except GoneAtStripe as gone:
        log.warning("webhook_object_gone", type=event.type, id=event.pk)
        _finish(event, note=f"{type(gone).__name__}: {gone}"[:2000])
        return
    except Exception as failed:
        error = f"{type(failed).__name__}: {failed}"[:2000]
        StripeEvent.objects.filter(pk=event.pk, processed_at=None).update(error=error)
        WEBHOOK_FAILURES.labels(event.type if event.type in EVENTS else "other").inc()
        raise
    _finish(event)


def _answer(kind: str, found: Obj) -> None:
    """Bring up to date what the event is about."""
    match kind.split("."):
        case _ if kind not in EVENTS:
            pass  # stored, and that is all
        case ["customer", "subscription", _]:
            row = state.refresh(found["id"])
            scheduled_changes.put_back(found["id"])
            state.take_up_another(row)
        case ["invoice", _]:
            _refresh(read.subscription_of(found))
        case ["checkout", "session", "expired"]:
            _give_up(found)
            buying.settle(found["id"])
        case ["checkout", "session", _]:
            _refresh(read.subscription_of(found))
            buying.settle(found["id"])
        case _:
            _answer_about_money(kind, found["id"])


def _answer_about_money(kind: str, stripe_id: str) -> None:
    match kind.split("."):
        case ["payment_intent", _]:
            automatic.settle_payment(stripe_id)
        case ["charge", "refunded"]:
            refunds.settle(stripe_id)
        case ["charge", "dispute", _]:
            refunds.settle_disputed(stripe_id)


def _refresh(subscription_id: str | None) -> None:
    if subscription_id:
        state.refresh(subscription_id)


def _give_up(session: Obj) -> None:
    pending = Subscription.objects.filter(checkout_id=session["id"], ended_at=None).first()
    if pending and pending.stripe_id is None:
        locks.settle(pending, give_up=True)


def _finish(event: StripeEvent, *, note: str = "") -> None:
    """Note that it is done; who notes it first sends what is to be sent once."""
    now = timezone.now()
    with transaction.atomic():
        open_events = StripeEvent.objects.filter(pk=event.pk, processed_at=None)
        if not open_events.update(processed_at=now, error=note):
            return
        if event.type == "customer.subscription.trial_will_end":
            _warn_of_trial_end(event.payload["data"]["object"])
        if event.type in EVENTS:
            transaction.on_commit(partial(enqueue, "billing.tasks.mirror", event.pk))
    lag = (now - event.created_at).total_seconds()
    WEBHOOK_LAG.observe(max(0.0, lag))
    log.info("webhook_processed", type=event.type, id=event.pk, lag_seconds=round(lag, 1))


def _warn_of_trial_end(found: Obj) -> None:
    rows = Subscription.objects.select_related("plan__tier")
    row = rows.filter(stripe_id=found["id"], status=Subscription.Status.TRIALING).first()
    if row:
        messages.tell(row.user_id, "trial_ending", row=row)


def retry_failed(*, at_most: int = 100) -> int:
    """Process what is stored and not done yet; returns how many that helped with."""
    waiting = StripeEvent.objects.filter(processed_at=None).order_by("attempts", "received_at")
    return sum(process_again(event) for event in waiting[:at_most])


def process_again(event: StripeEvent) -> bool:
    """Process a stored event, also one that is done; tell whether it went well."""
    try:
        process(event, again=True)
    except Exception as failed:  # noqa: BLE001 - noted with the event; the others have their turn
        log.error("webhook_failed", id=event.pk, error=type(failed).__name__)  # noqa: TRY400
        return False
    return True
