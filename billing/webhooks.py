"""The door that Stripe's events come in by: verify, store, and do what the event calls for.

Nothing of a body is read before its signature is found good, with DEBUG on too. An event is stored
before anything is done, and answered with an error until all is done: so Stripe sends it again, as
do staff from the admin and the worker every few minutes. What it calls for may be done any number
of times (``billing.state``).
"""

import json
from functools import partial
from typing import Any
from uuid import UUID

import stripe
import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from djstripe.models import WebhookEndpoint

from billing import claims, gateway, messages, refunds, shelf, state
from billing import readings as read
from billing.errors import BillingUnavailable, WebhookRefused
from billing.metrics import WEBHOOK_FAILURES, WEBHOOK_LAG
from billing.models import StripeEvent, Subscription
from billing.readings import Obj
from config.errors import NotFound, PayloadTooLarge
from config.methods import insist_on
from config.queue import enqueue

log = structlog.get_logger("tokengate.billing")

TOLERANCE = 300  # seconds that a signature is good for
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
    "checkout.session.expired",
    "charge.refunded",
    "charge.dispute.created",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
    "charge.dispute.closed",
)
# Their events call for a look at the subscription that they are of.
_OF_A_SUBSCRIPTION = ("invoice", "checkout.session")


@csrf_exempt
def receive(request: HttpRequest, uuid: UUID | None = None) -> HttpResponse:
    """Take an event: 200 when all that it calls for is done.

    ``uuid`` names one of dj-stripe's endpoints, which has a secret of its own.
    """
    insist_on(request, "POST")
    secret = _secret(uuid)
    if len(request.body) > settings.MAX_BODY_BYTES:
        raise PayloadTooLarge
    event = store(_verified(request, secret))
    process(event)
    return JsonResponse({"received": event.pk})


def _secret(uuid: UUID | None) -> str:
    if uuid is None:
        secret: str = settings.STRIPE_WEBHOOK_SECRET
    else:
        endpoint = WebhookEndpoint.objects.filter(djstripe_uuid=uuid).first()
        if endpoint is None:
            raise NotFound
        secret = endpoint.secret
    if not secret or not gateway.is_set_up():
        raise BillingUnavailable
    return secret


def _verified(request: HttpRequest, secret: str) -> Obj:
    """Return the event. Raises ``WebhookRefused`` unless Stripe has signed it a moment ago."""
    signature = request.headers.get("Stripe-Signature", "")
    try:
        body = request.body.decode()
        stripe.WebhookSignature.verify_header(body, signature, secret, TOLERANCE)
        event: Obj = json.loads(body)
    except (stripe.SignatureVerificationError, ValueError) as refused:
        log.warning("webhook_refused", reason=type(refused).__name__)
        raise WebhookRefused from refused
    if not _is_event(event):
        raise WebhookRefused
    return event


def _is_event(found: Any) -> bool:
    if not isinstance(found, dict) or found.get("object") != "event":
        return False
    named = all(isinstance(found.get(name), str) for name in ("id", "type"))
    data = found.get("data")
    about = data.get("object") if isinstance(data, dict) else None
    return named and isinstance(found.get("created"), int) and isinstance(about, dict)


def store(event: Obj) -> StripeEvent:
    """Keep the event, once however often it comes."""
    stored, _ = StripeEvent.objects.get_or_create(
        pk=event["id"],
        defaults={
            "type": event["type"],
            "payload": _without_persons(event),
            "created_at": read.at(event["created"]),
        },
    )
    return stored


def _without_persons(event: Obj) -> Obj:
    """Return what is kept of an event: what it is about, by its ids, and of nobody a name.

    Whatever it calls for is asked of Stripe anew, so no more is needed.
    """
    found = event["data"]["object"]
    ids = {name: _id(found.get(name)) for name in ("id", "object", "customer")}
    kept: Obj = {name: value for name, value in ids.items() if value}
    if found.get("object") in _OF_A_SUBSCRIPTION:
        kept["subscription"] = read.subscription_of(found)
    return {"id": event["id"], "type": event["type"], "data": {"object": kept}}


def _id(found: Any) -> str | None:
    value = found.get("id") if isinstance(found, dict) else found
    return value if isinstance(value, str) else None


def process(event: StripeEvent, *, again: bool = False) -> None:
    """Do what an event calls for, unless that is done; what goes wrong is noted, and raised."""
    if event.processed_at and not again:
        return
    StripeEvent.objects.filter(pk=event.pk).update(attempts=F("attempts") + 1)
    try:
        _answer(event.type, event.payload["data"]["object"])
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
            shelf.put_back(found["id"])
            state.take_up_another(row)
        case ["invoice", _]:
            _refresh(read.subscription_of(found))
        case ["checkout", "session", "expired"]:
            _give_up(found)
        case ["checkout", "session", _]:
            _refresh(read.subscription_of(found))
        case ["charge", "refunded"]:
            refunds.settle(found["id"])
        case ["charge", "dispute", _]:
            refunds.settle_disputed(found["id"])


def _refresh(subscription_id: str | None) -> None:
    if subscription_id:
        state.refresh(subscription_id)


def _give_up(session: Obj) -> None:
    claim = Subscription.objects.filter(checkout_id=session["id"], ended_at=None).first()
    if claim and claim.stripe_id is None:
        claims.settle(claim, give_up=True)


def _finish(event: StripeEvent) -> None:
    """Note that it is done; who notes it first sends what is to be sent once."""
    now = timezone.now()
    with transaction.atomic():
        open_events = StripeEvent.objects.filter(pk=event.pk, processed_at=None)
        if not open_events.update(processed_at=now, error=""):
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
