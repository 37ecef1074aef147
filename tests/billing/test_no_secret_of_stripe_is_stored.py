"""After all that a customer can do, no secret of Stripe's is anywhere in the database."""

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from djstripe.models import Account, APIKey, Customer, PaymentIntent, WebhookEndpoint
from djstripe.models import Subscription as Mirrored
from pytest_django import Settings
from rest_framework.test import APIClient

from billing import tasks
from billing.events import sync
from billing.models import StripeEvent, Subscription
from billing.stripe import mirror
from billing.stripe.mirror_secrets import without_secrets
from tests.billing import checkout
from tests.billing.shop import Shop, change, post, subscribe
from tests.databases import dump
from tests.factories import UserFactory


def mirror_all() -> None:
    for event in StripeEvent.objects.all():
        tasks.mirror(event.pk)


def test_a_whole_journey(caller: APIClient, shop: Shop, settings: Settings) -> None:
    page = subscribe(caller, payment_method=None).json()["checkout_url"]
    checkout.pay(page)
    shop.deliver()
    mirror_all()
    change(caller, "enterprise")
    shop.deliver()
    post(caller, "cancel")
    post(caller, "resume")
    shop.advance(days=40)
    shop.deliver()
    mirror_all()
    staff = Client()
    staff.force_login(UserFactory.create(is_staff=True, is_superuser=True))
    staff.post(
        "/admin/billing/stripeevent/",
        {
            "action": "process_again",
            "_selected_action": list(StripeEvent.objects.values_list("pk", flat=True)),
        },
    )
    sync.sync(dry_run=False)
    for intent in Subscription.objects.get().invoices.values_list("payment_intent", flat=True):
        assert not intent or mirror.copy({"object": "payment_intent", "id": intent})

    stored = dump()

    assert Mirrored.objects.get().djstripe_owner_account == Account.objects.get()
    assert Customer.objects.exists()
    assert PaymentIntent.objects.exists()
    assert str(Subscription.objects.get().stripe_id) in stored
    for secret in (settings.STRIPE_SECRET_KEY, settings.STRIPE_WEBHOOK_SECRET):
        assert len(secret) > 20
        assert secret not in stored
    assert "_secret_" not in stored  # of a payment: its holder can pay and look
    assert "whsec_" not in stored


def test_a_payment_that_waits_for_its_owner(caller: APIClient, shop: Shop) -> None:
    headers = {"Idempotency-Key": "once"}
    card = {"plan": "pro", "payment_method": "pm_card_authenticationRequired"}
    answer, again = (
        caller.post("/api/subscriptions/subscribe", card, format="json", headers=headers)
        for _ in range(2)
    )
    assert "_secret_" in answer.text
    assert again.json() == answer.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    shop.deliver()
    mirror_all()
    intent = Subscription.objects.get().invoices.get().payment_intent
    assert mirror.copy({"object": "payment_intent", "id": intent})

    assert PaymentIntent.objects.get().stripe_data["id"] == intent
    assert "_secret_" not in dump()


@pytest.mark.parametrize("key", ["sk_test_" + "a" * 24, "rk_live_" + "b" * 24, "whatever"])
def test_the_database_refuses_a_key(db: None, key: str) -> None:
    with pytest.raises(IntegrityError, match="billing_keeps_no_secret_key"), transaction.atomic():
        APIKey.objects.create(type="secret", secret=key, livemode=False)


def test_the_database_refuses_a_signing_secret(db: None) -> None:
    endpoint = {"id": "we_1", "url": "https://example.com", "enabled_events": ["*"]}
    with (
        pytest.raises(IntegrityError, match="billing_keeps_no_signing_secret"),
        transaction.atomic(),
    ):
        WebhookEndpoint.objects.create(**endpoint, secret="whsec_" + "x" * 32)
    WebhookEndpoint.objects.create(**endpoint, secret="")


def test_secrets_are_left_out_at_any_depth() -> None:
    found = {"id": "a", "client_secret": "x", "list": [{"secret": "y", "nested": {"secret": 1}}]}
    assert without_secrets(found) == {"id": "a", "list": [{"nested": {}}]}
