"""Late, repeated, shuffled, simultaneous and half-processed events end in the same state."""

from collections.abc import Callable
from itertools import permutations

import httpx
import pytest
from rest_framework.test import APIClient

from accounts.models import User
from billing import messages, tasks
from billing.entitlements import state
from billing.models import Invoice, Plan, StripeEvent, Subscription
from tests.accounts.racing import race
from tests.accounts.signing_in import fresh_email, signed_in
from tests.billing.shop import PRO, Delivery, Shop, change, post, standing, subscribe
from tests.factories import UserFactory
from tokens.ledger.verify import verify
from tokens.models import Balance, Entry


@pytest.fixture
def life(caller: APIClient, user: User, shop: Shop) -> list[Delivery]:
    """Two months of a subscription, which the site has heard nothing of but its own requests."""
    subscribe(caller)
    change(caller, "enterprise")
    change(caller, "pro")
    shop.advance(days=32)
    shop.advance(days=32)
    return shop.take()


def forget_all(user: User) -> None:
    """Leave nothing but the claim's row, as if no request of the user had been answered."""
    rows = Subscription.objects.filter(user=user)
    Invoice.objects.filter(subscription__in=rows).delete()
    rows.delete()


def test_repeated_events_change_nothing(user: User, shop: Shop, life: list[Delivery]) -> None:
    assert set(shop.deliver(life)) == {200}

    shown = standing(user)
    assert (shown["tier"], shown["status"], shown["available"]) == ("pro", "active", PRO)
    assert len(shown["invoices"]) == 4

    assert set(shop.deliver(shop.shuffled(life, 0)[:6])) == {200}
    assert standing(user) == shown


def test_shuffled_on_a_blank_page(user: User, shop: Shop, life: list[Delivery]) -> None:
    """Whatever event comes first, the whole story is told in its own order."""
    shop.deliver(life)
    shown = standing(user)
    StripeEvent.objects.all().delete()
    forget_all(user)

    shop.deliver(shop.shuffled(life, 1))

    again = standing(user)
    assert {**again, "invoices": 0} == {**shown, "invoices": 0}
    assert [(pk, status) for pk, status, _ in again["invoices"]] == [
        (pk, status) for pk, status, _ in shown["invoices"]
    ]


def test_events_in_every_order_end_in_the_same_state(shop: Shop) -> None:
    """Of a page that was paid at Stripe the site hears by events only: here twice each."""
    card = {"cardNumber": "4242 4242 4242 4242", "cardExpiry": "12 / 39", "cardCvc": "123"}
    heard = ("checkout.session.completed", "customer.subscription.created", "invoice.paid")
    for order in permutations(heard):
        user, api = UserFactory.create(email=fresh_email()), APIClient()
        signed_in(api, user)
        page = subscribe(api, payment_method=None).json()["checkout_url"]
        paid = {**card, "billingName": "Ada", "action": "pay"}
        assert httpx.post(page, data=paid, trust_env=False).status_code == 303
        events = {event["type"]: event for event in shop.take()}

        for kind in order:
            assert shop.deliver([events[kind]] * 2) == [200, 200], order

        shown = standing(user)
        assert (shown["tier"], shown["status"], shown["available"]) == ("pro", "active", PRO), order
        assert [tokens for _, _, tokens in shown["invoices"]] == [PRO], order


@pytest.mark.django_db(transaction=True)
def test_all_at_once(user: User, shop: Shop, life: list[Delivery]) -> None:
    waiting = iter([*life, *life])

    def deliver_the_next() -> int:
        return int(shop.tell(next(waiting)).status_code)

    answers = race(deliver_the_next, runners=8)
    assert set(answers) <= {200, 409}

    shop.deliver(life)
    shown = standing(user)
    assert (shown["tier"], shown["status"], shown["available"]) == ("pro", "active", PRO)
    allowances = Entry.objects.filter(user=user, kind=Entry.Kind.ALLOWANCE, amount=PRO)
    assert allowances.count() == 2  # the month between was over when its event came
    assert verify(user_id=user.pk) == []


@pytest.mark.parametrize("where", ["before", "after"])
def test_an_event_killed_halfway_is_processed_when_repeated(
    user: User,
    shop: Shop,
    life: list[Delivery],
    monkeypatch: pytest.MonkeyPatch,
    where: str,
) -> None:
    """An attempt that ends before or after its commit is made good by the next."""
    write: Callable[..., Subscription | None] = state.write

    def die(*args: object, **kwargs: object) -> None:
        if where == "after":
            write(*args, **kwargs)
        raise KeyError("killed")

    monkeypatch.setattr(state, "write", die)
    assert 500 in shop.deliver(life[-3:])
    assert StripeEvent.objects.filter(processed_at=None).exclude(error="").exists()

    monkeypatch.setattr(state, "write", write)
    tasks.mend()

    assert not StripeEvent.objects.filter(processed_at=None).exists()
    shown = standing(user)
    assert (shown["tier"], shown["status"], shown["available"]) == ("pro", "active", PRO)


def test_events_that_come_months_late_change_nothing(
    caller: APIClient, user: User, shop: Shop
) -> None:
    """What was paid long ago does not come back when its event does."""
    subscribe(caller)
    first = shop.take()
    shop.advance(days=100)
    shop.deliver()
    post(caller, "cancel", now=True)
    shop.deliver()
    shown, balance = standing(user), Balance.objects.get(user=user)

    assert set(shop.deliver(first)) == {200}

    assert standing(user) == shown
    assert Balance.objects.get(user=user).period_end == balance.period_end


def test_a_trial_is_warned_of_once(
    caller: APIClient,
    user: User,
    shop: Shop,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[str] = []
    monkeypatch.setattr(messages, "tell", lambda user_id, kind, **_: told.append(kind))
    Plan.objects.filter(pk="pro").update(trial_days=7)
    answer = subscribe(caller)
    assert answer.json()["status"] == "trialing"
    shop.advance(days=5)
    events = shop.take()

    for _ in range(2):
        shop.deliver(events)

    assert told == ["trial_ending"]
