"""A payment that fails: grace, then the free plan, and back again; money that goes back."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks
from rest_framework.test import APIClient

from accounts.models import User
from billing import tasks
from billing.entitlements import refunds, state
from billing.models import Invoice, Subscription
from billing.stripe import gateway
from config.celery import app
from tests.billing.shop import FREE, PRO, Shop, change, current, subscribe, tokens
from tokens.ledger import allowances
from tokens.ledger.verify import verify
from tokens.models import Balance


@pytest.fixture(autouse=True)
def _subscribed(caller: APIClient, shop: Shop) -> Iterator[None]:
    app.conf.task_always_eager = True
    subscribe(caller)
    shop.deliver()
    yield
    app.conf.task_always_eager = False


def test_a_failed_payment_starts_the_grace_period_and_is_told(
    caller: APIClient,
    user: User,
    shop: Shop,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    card = shop.card_of(user.billing_customer.stripe_id)
    shop.fake.settings(after_retries="past_due")
    shop.fake.decline(card)
    with django_capture_on_commit_callbacks(execute=True):
        for _ in range(2):
            shop.advance(days=32)
            shop.deliver()

    assert current(caller)["status"] == "past_due"
    assert current(caller)["plan"] == "pro"
    assert current(caller)["grace_until"]
    assert [message.subject for message in mail.outbox] == ["Your payment failed"]
    assert "/i/" in mail.outbox[0].body  # where to pay
    assert tasks.end_grace() == 0

    Subscription.objects.update(grace_until=timezone.now() - timedelta(seconds=1))
    with django_capture_on_commit_callbacks(execute=True):
        assert tasks.end_grace() == 1
        assert tasks.end_grace() == 0
    assert current(caller)["plan"] == "free"
    assert tokens(user) == pytest.approx(FREE, rel=0.01)
    assert [message.to for message in mail.outbox] == [[user.email]] * 2

    shop.fake.decline(card, None)
    latest = Invoice.objects.filter(subscription__user=user, status="open").first()
    assert latest
    gateway._v1().invoices.pay(latest.pk)
    shop.deliver()

    assert (current(caller)["plan"], current(caller)["status"]) == ("pro", "active")
    assert tokens(user) == PRO


def test_stripe_gives_up(caller: APIClient, user: User, shop: Shop) -> None:
    shop.fake.decline(shop.card_of(user.billing_customer.stripe_id))
    shop.advance(days=32)
    shop.advance(days=30)
    shop.deliver()

    assert current(caller)["status"] == "none"
    assert Balance.objects.get(user=user).tier_id == "free"
    assert Subscription.objects.get(user=user).status == "canceled"


def test_a_refund_takes_back_what_is_unspent(user: User, shop: Shop) -> None:
    charge = _charge(user)
    gateway._v1().refunds.create({"charge": charge, "amount": 500})
    refunded = shop.take()

    shop.deliver(refunded)
    shop.deliver(refunded)
    assert tokens(user) == PRO * 3 // 4

    gateway._v1().refunds.create({"charge": charge})
    shop.deliver()
    assert tokens(user) == 0
    assert Invoice.objects.get().refunded == 2_000


def test_of_two_refunds_the_older_reading_does_not_win(
    user: User, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    charge = _charge(user)
    gateway._v1().refunds.create({"charge": charge, "amount": 500})
    read, readings = gateway.charge, []

    def overtaken(charge_id: str) -> gateway.Obj:
        """Be told of the first refund, and learn late that another came and was settled."""
        readings.append(read(charge_id))
        if len(readings) == 2:
            gateway._v1().refunds.create({"charge": charge, "amount": 500})
            refunds.settle(charge)
            return readings[1]
        return readings[-1]

    monkeypatch.setattr(gateway, "charge", overtaken)
    refunds.settle(charge)

    assert Invoice.objects.get().refunded == 1_000
    assert tokens(user) == PRO // 2
    assert verify(user_id=user.pk) == []


def test_a_dispute_too(user: User, shop: Shop) -> None:
    charge = _charge(user)
    dispute = shop.fake.dispute(charge)

    shop.deliver()

    assert tokens(user) == 0
    shop.fake.close_dispute(dispute["id"], status="lost")
    shop.deliver()
    assert Invoice.objects.get().taken_back == PRO


def test_a_dispute_that_is_won_returns_what_it_took(user: User, shop: Shop) -> None:
    """Once, and no more than it took: what a refund took before stays away."""
    charge = _charge(user)
    gateway._v1().refunds.create({"charge": charge, "amount": 500})
    shop.deliver()
    allowances.take_back(user_id=user.pk, amount=1_000_000, source="spent")
    dispute = shop.fake.dispute(charge)
    shop.deliver()
    assert tokens(user) == 0
    assert Invoice.objects.get().taken_back == PRO - 1_000_000

    shop.fake.close_dispute(dispute["id"], status="won")
    events = shop.take()
    for _ in range(2):
        assert set(shop.deliver(shop.shuffled(events, 1))) == {200}

    assert tokens(user) == PRO * 3 // 4 - 1_000_000
    assert Invoice.objects.get().refunded == 500
    assert verify(user_id=user.pk) == []


def test_a_refund_of_an_upgrade_takes_the_difference(
    caller: APIClient, user: User, shop: Shop
) -> None:
    change(caller, "enterprise")
    upgrade = Invoice.objects.latest("created_at", "tokens")
    assert upgrade.tokens
    charge = gateway.payment_intent(upgrade.payment_intent)["latest_charge"]
    for cents in (6_000, 6_000, 6_000):
        gateway._v1().refunds.create({"charge": charge, "amount": cents})
        shop.deliver()

    assert tokens(user) == PRO
    upgrade.refresh_from_db()
    assert upgrade.taken_back == upgrade.tokens


def test_an_old_refund_leaves_new_tokens_alone(user: User, shop: Shop) -> None:
    charge = _charge(user)
    shop.advance(days=32)
    shop.deliver()

    gateway._v1().refunds.create({"charge": charge})
    shop.deliver()

    assert tokens(user) == PRO


def test_a_lost_plan_comes_back_once(caller: APIClient, user: User, shop: Shop) -> None:
    """When Stripe says that all is well again, without a new payment."""
    change(caller, "pro")
    row = Subscription.objects.get(user=user)
    Subscription.objects.filter(pk=row.pk).update(grace_until=timezone.now())
    assert state.end_grace() == 1
    assert Balance.objects.get(user=user).tier_id == "free"

    Subscription.objects.filter(pk=row.pk).update(status="past_due")
    for _ in range(2):
        state.refresh(str(row.stripe_id))

    assert Balance.objects.get(user=user).tier_id == "pro"
    assert tokens(user) == pytest.approx(PRO, rel=1e-3)


def _charge(user: User) -> str:
    invoice = Invoice.objects.get(subscription__user=user)
    return str(gateway.payment_intent(invoice.payment_intent)["latest_charge"])


def test_a_smaller_plan_that_was_not_paid_for(
    caller: APIClient, user: User, shop: Shop, client: Client
) -> None:
    """Which plan they ask for, they are told where to pay; so does their page."""
    change(caller, "enterprise")
    change(caller, "pro")
    client.force_login(user)
    assert "Your plan changes to Pro on" in client.get("/portal/plan/").content.decode()
    shop.fake.decline(shop.card_of(user.billing_customer.stripe_id))
    shop.advance(days=32)
    shop.deliver()

    owed = Invoice.objects.get(subscription__user=user, status="open")
    assert owed.total == 2_000
    for plan in ("enterprise", "pro"):
        error = change(caller, plan).json()["error"]
        assert (error["code"], error["pay_at"]) == ("payment_due", owed.hosted_url), plan
    assert f'href="{owed.hosted_url}"' in client.get("/portal/plan/").content.decode()
