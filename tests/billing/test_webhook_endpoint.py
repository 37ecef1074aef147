"""Only what Stripe has signed a moment ago comes in, with DEBUG on too."""

import time
from uuid import uuid4

import pytest
from prometheus_client import REGISTRY
from pytest_django import Settings
from rest_framework.test import APIClient

from billing.models import StripeEvent
from tests.billing.shop import Shop, subscribe
from tests.billing.webhooks import BODY, send, signed


def test_a_signed_event_is_processed_once(caller: APIClient, shop: Shop) -> None:
    subscribe(caller)
    event, *_ = shop.take()
    lags = _lags()

    assert shop.tell(event).status_code == 200
    assert _lags() == lags + 1
    assert shop.tell(event).status_code == 200

    stored = StripeEvent.objects.get()
    assert (stored.attempts, stored.error) == (1, "")
    assert stored.processed_at


def _lags() -> float:
    """How many webhooks' lags the metrics tell of."""
    return REGISTRY.get_sample_value("tokengate_webhook_lag_seconds_count") or 0.0


@pytest.mark.parametrize("debug", [True, False])
def test_a_forged_event_is_refused(shop: Shop, settings: Settings, debug: bool) -> None:
    settings.DEBUG = debug
    forged = {
        "no signature": {},
        "another secret": {"Stripe-Signature": signed(BODY, "whsec_mine", time.time())},
        "dj-stripe's debug header": {
            "Stripe-Signature": signed(BODY, "whsec_mine", time.time()),
            "X-Djstripe-Webhook-Secret": "whsec_mine",
        },
        "nonsense": {"Stripe-Signature": "t=,v1="},
    }
    answers = {name: send(**headers) for name, headers in forged.items()}

    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(
        forged, 400
    )
    assert answers["nonsense"].json()["error"]["code"] == "invalid_request"
    assert not StripeEvent.objects.exists()


def test_stale_changed_or_no_event(shop: Shop, settings: Settings) -> None:
    secret, now = settings.STRIPE_WEBHOOK_SECRET, time.time()

    assert send(**{"Stripe-Signature": signed(BODY, secret, now - 600)}).status_code == 400
    assert send(BODY + " ", **{"Stripe-Signature": signed(BODY, secret, now)}).status_code == 400
    for body in ("[]", "{}", '{"object": "event"}', "nonsense", '{"object":"event","id":7}'):
        assert send(body, **{"Stripe-Signature": signed(body, secret, now)}).status_code == 400
    assert not StripeEvent.objects.exists()


def test_an_oversized_event_is_refused(shop: Shop, settings: Settings) -> None:
    settings.MAX_BODY_BYTES = 100

    assert send(BODY).status_code == 413


def test_an_address_in_dj_stripe_s_manner(shop: Shop, settings: Settings) -> None:
    """The secret is that of the settings: a row of dj-stripe's has none, and is not looked at."""
    body = BODY.replace("invoice.paid", "product.updated")
    path = f"/api/stripe/webhook/{uuid4()}/"
    good, forged = settings.STRIPE_WEBHOOK_SECRET, "whsec_" + "x" * 32

    for secret, status in ((good, 200), (forged, 400), ("", 400)):
        header = {"Stripe-Signature": signed(body, secret, time.time())}
        assert send(body, path, **header).status_code == status


def test_without_a_key(settings: Settings, db: None) -> None:
    settings.STRIPE_SECRET_KEY = settings.STRIPE_WEBHOOK_SECRET = ""

    answer = send()

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "billing_unavailable")
