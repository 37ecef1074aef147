"""A user has one subscription, however many requests ask for one at once, or die on the way."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from accounts.sessions import session_pairs
from billing import tasks
from billing.entitlements import state
from billing.models import Subscription
from billing.pricing import prices
from billing.stripe import customers, gateway
from billing.subscriptions import locks
from tests.accounts.racing import race
from tests.billing.shop import FREE, PRO, Shop, change, current, post, subscribe, tokens
from tokens.models import Entry


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("fields", [{}, {"payment_method": None}], ids=["card", "checkout"])
def test_a_hundred_at_once(user: User, shop: Shop, fields: dict[str, Any]) -> None:
    access = session_pairs.issue(user).access

    def ask() -> list[int]:
        api = APIClient()
        api.credentials(HTTP_AUTHORIZATION=f"Bearer {access}")
        return [subscribe(api, **fields).status_code for _ in range(13)]

    answers = [status for statuses in race(ask) for status in statuses]

    assert set(answers) <= {201, 409}
    rows = Subscription.objects.filter(user=user).exclude(status="abandoned")
    customer = user.billing_customer.stripe_id
    made = gateway.subscriptions_of(customer)
    if fields:
        [row] = rows
        assert gateway.checkout(row.checkout_id)["status"] == "open"
        assert made == []
    else:
        assert answers.count(201) == 1
        assert [one["id"] for one in made] == [rows.get().stripe_id]
        assert Entry.objects.filter(user=user, amount=PRO).count() == 1


def test_a_request_that_died_before_it_asked(caller: APIClient, user: User, shop: Shop) -> None:
    claim = locks.take(user_id=user.pk, price=prices.for_sale("pro", "month"))

    busy = subscribe(caller)
    assert (busy.status_code, busy.json()["error"]["code"]) == (409, "subscription_busy")
    assert busy.json()["error"]["retryable"] is True
    assert current(caller)["status"] == "none"

    _let_pass(claim)
    assert subscribe(caller).status_code == 201
    claim.refresh_from_db()
    assert claim.status == "abandoned"


def test_a_request_that_died_after_it_asked(caller: APIClient, user: User, shop: Shop) -> None:
    """The answer was lost: what Stripe made of it is found, and kept."""
    shop.fake.fail("500", times=3, path="/v1/subscriptions/", method="GET")  # with the retries
    assert subscribe(caller).status_code == 503
    assert tokens(user) == FREE

    _let_pass(Subscription.objects.get(user=user))
    tasks.mend()

    assert current(caller)["status"] == "active"
    assert tokens(user) == PRO
    assert len(gateway.subscriptions_of(user.billing_customer.stripe_id)) == 1


def test_a_lost_answer_is_asked_for_again(caller: APIClient, user: User, shop: Shop) -> None:
    shop.fake.fail("lost", times=1, path="/v1/subscriptions", method="POST")

    assert subscribe(caller).status_code == 201

    assert len(gateway.subscriptions_of(user.billing_customer.stripe_id)) == 1


def test_there_is_one_already(caller: APIClient) -> None:
    subscribe(caller)

    again = subscribe(caller, plan="enterprise")

    assert (again.status_code, again.json()["error"]["code"]) == (409, "already_subscribed")


def test_checkout_given_up(caller: APIClient, user: User, shop: Shop) -> None:
    opened = subscribe(caller, payment_method=None)
    assert opened.status_code == 201
    assert current(caller)["status"] == "none"
    again = subscribe(caller, payment_method=None)
    assert again.json()["checkout_url"] == opened.json()["checkout_url"]

    assert subscribe(caller, plan="enterprise").status_code == 201

    first = Subscription.objects.filter(user=user).earliest("created_at")
    assert first.status == "abandoned"
    assert gateway.checkout(first.checkout_id)["status"] == "expired"


def test_stripe_is_away(caller: APIClient, user: User, shop: Shop) -> None:
    customers.ensure(user)
    shop.fake.fail("500", times=6)

    answers = [subscribe(caller), post(caller, "portal")]

    assert {answer.status_code for answer in answers} == {503}
    assert answers[0].json()["error"]["code"] == "billing_unavailable"
    assert current(caller)["plan"] == "free"


def test_without_a_key(caller: APIClient, settings: pytest.FixtureRequest, shop: Shop) -> None:
    settings.STRIPE_SECRET_KEY = ""  # type: ignore[attr-defined]

    paid = [subscribe(caller), change(caller, "pro"), *(post(caller, to) for to in
            ("cancel", "resume", "portal"))]  # fmt: skip

    assert [answer.json()["error"]["code"] for answer in paid] == ["billing_unavailable"] * 5
    free = ("plans", "current", "invoices", "usage")
    assert {caller.get(f"/api/subscriptions/{path}").status_code for path in free} == {200}


def _let_pass(claim: Subscription) -> None:
    past = timezone.now() - timedelta(seconds=1)
    Subscription.objects.filter(pk=claim.pk).update(claimed_until=past)


@pytest.mark.django_db(transaction=True)
def test_a_request_and_its_own_webhook_at_once(caller: APIClient, user: User, shop: Shop) -> None:
    """Whoever waits for the claim finds that it has become the subscription meanwhile."""
    subscribe(caller)
    row = Subscription.objects.get(user=user)
    Subscription.objects.filter(pk=row.pk).update(stripe_id=None, status="pending", version=0)

    def read_again() -> Any:
        try:
            return state.refresh(str(row.stripe_id))
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as other:
        with transaction.atomic():
            mine = Subscription.objects.filter(pk=row.pk)
            mine.update(stripe_id=row.stripe_id, status="active", version=1)
            refreshed = other.submit(read_again)
            _until_somebody_waits()
        assert refreshed.result(timeout=120).pk == row.pk
    assert Subscription.objects.get(user=user).status == "active"


def _until_somebody_waits() -> None:
    deadline = time.monotonic() + 120
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    with connection.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute(waiting)
            if cursor.fetchone()[0]:
                return
            time.sleep(0.02)
    raise AssertionError("nobody waits")
