"""`sync_stripe` rebuilds from Stripe what events should have done, and says what it changed."""

from typing import Any

from django.apps import apps
from rest_framework.test import APIClient

from accounts.models import User
from billing.models import Customer, Invoice, Price, Subscription
from billing.stripe import gateway
from tests.billing.commands import run
from tests.billing.shop import PRO, Shop, change, current, standing, subscribe, tokens
from tokens.models import Balance


def test_sync_applies_what_events_did_not_bring(caller: APIClient, user: User, shop: Shop) -> None:
    """No event has come for two months."""
    subscribe(caller)
    shop.advance(days=64)
    shop.take()

    dry = run("sync_stripe", dry_run=True)
    assert "period_end" in dry
    assert Invoice.objects.count() == 1

    assert run("sync_stripe") == dry
    assert Invoice.objects.filter(status="paid", tokens__isnull=False).count() == 3
    assert (tokens(user), current(caller)["status"]) == (PRO, "active")
    assert run("sync_stripe") == "0 changes\n"


def test_sync_rebuilds_an_empty_database(caller: APIClient, user: User, shop: Shop) -> None:
    """Subscriptions, invoices and customers come back; tokens are not given twice."""
    subscribe(caller)
    change(caller, "enterprise")
    shown, left = standing(user), tokens(user)
    Invoice.objects.all().delete()
    Subscription.objects.all().delete()
    Customer.objects.all().delete()

    run("sync_stripe")

    again = standing(user)
    assert {**again, "invoices": 0} == {**shown, "invoices": 0}
    assert len(again["invoices"]) == 2
    assert tokens(user) == left
    assert Balance.objects.get(user=user).tier_id == "enterprise"


def test_a_dry_run_writes_nothing(caller: APIClient, shop: Shop) -> None:
    """Not even the prices and the customer that a repair has to know first."""
    subscribe(caller)
    for model in (Invoice, Subscription, Customer, Price):
        model._default_manager.all().delete()
    before = everything()

    dry = run("sync_stripe", dry_run=True)

    assert "plan_id None → pro" in dry
    assert everything() == before
    assert run("sync_stripe") == dry
    assert (Price.objects.count(), Customer.objects.count()) == (1, 1)


def everything() -> dict[str, list[dict[str, Any]]]:
    """Return every row of every model."""
    return {
        model._meta.label: list(model._base_manager.order_by("pk").values())
        for model in apps.get_models()
    }


def test_a_refund_that_nobody_heard_of(caller: APIClient, user: User, shop: Shop) -> None:
    subscribe(caller)
    invoice = Invoice.objects.get()
    gateway._v1().refunds.create({"payment_intent": invoice.payment_intent, "amount": 500})
    shop.take()

    assert f"refunded 0 → 500 of invoice {invoice.pk}" in run("sync_stripe")
    assert tokens(user) == PRO * 3 // 4
    assert run("sync_stripe") == "0 changes\n"


def test_what_it_cannot_mend(caller: APIClient, user: User, shop: Shop) -> None:
    subscribe(caller)
    Subscription.objects.update(stripe_id="sub_gone")

    said = run("sync_stripe")

    assert "sub_gone: is unknown at Stripe" in said
    assert "has another subscription that has not ended" in said
