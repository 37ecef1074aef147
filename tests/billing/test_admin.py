"""Staff read what Stripe said, and have its events processed again."""

import pytest
from django.forms import model_to_dict
from django.test import Client
from pytest_django import DjangoCaptureOnCommitCallbacks
from rest_framework.test import APIClient

from accounts.models import User
from billing import tasks
from billing.models import Plan, StripeEvent, Subscription
from billing.pricing import prices
from config.celery import app
from tests.billing.shop import PRO, Shop, subscribe, tokens
from tests.factories import UserFactory


@pytest.fixture
def staff(db: None) -> Client:
    client = Client()
    client.force_login(UserFactory.create(is_staff=True, is_superuser=True))
    return client


def test_a_failed_event_is_processed_again_by_hand(
    caller: APIClient, user: User, shop: Shop, staff: Client
) -> None:
    """An event that failed while Stripe was away is processed by hand."""
    subscribe(caller, payment_method="pm_card_authenticationRequired")
    shop.take()
    intent = Subscription.objects.get().invoices.get().payment_intent
    shop.fake.authenticate(intent)
    shop.fake.fail("500", times=3, path="/v1/subscriptions/")  # with the retries
    paid = next(one for one in shop.take() if b'"invoice.paid"' in _bytes(one["body"]))
    assert shop.tell(paid).status_code == 503

    event = StripeEvent.objects.get(processed_at=None)
    assert "BillingUnavailable" in event.error

    action = {"action": "process_again", "_selected_action": [event.pk]}
    shown = staff.post("/admin/billing/stripeevent/", action, follow=True)

    assert "1 events are processed" in shown.content.decode()
    assert StripeEvent.objects.filter(processed_at__isnull=False, error="").exists()
    assert tokens(user) == PRO


def test_a_price_that_staff_change_is_made_at_stripe(
    shop: Shop,
    staff: Client,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    fields = ("tier", "description", "currency", "position", "trial_days", "price_year", "public")
    shown = model_to_dict(Plan.objects.get(pk="pro"), fields=fields)

    app.conf.task_always_eager = True
    with django_capture_on_commit_callbacks(execute=True):
        staff.post("/admin/billing/plan/pro/change/", {**shown, "price_month": 2_500})
    app.conf.task_always_eager = False

    assert prices.for_sale("pro", "month").amount == 2_500
    assert tasks.sell_plans.name == "billing.tasks.sell_plans"


@pytest.mark.parametrize("model", ["plan", "price", "customer", "subscription", "invoice"])
def test_every_admin_page_opens_and_only_plans_can_be_added(
    caller: APIClient, shop: Shop, staff: Client, model: str
) -> None:
    subscribe(caller)
    assert staff.get(f"/admin/billing/{model}/").status_code == 200
    add = staff.get(f"/admin/billing/{model}/add/").status_code
    assert add == (200 if model == "plan" else 403)


def test_a_subscription_cannot_be_edited(caller: APIClient, shop: Shop, staff: Client) -> None:
    subscribe(caller)
    row = Subscription.objects.get()

    page = staff.get(f"/admin/billing/subscription/{row.pk}/change/")
    assert page.status_code == 200
    assert '<input type="submit"' not in page.content.decode()
    assert staff.post(f"/admin/billing/subscription/{row.pk}/change/", {}).status_code == 403


def _bytes(body: str | bytes) -> bytes:
    return body.encode() if isinstance(body, str) else body
