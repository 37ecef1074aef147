"""The automatic purchase of tokens: once for each fall, below a ceiling, and never against a no."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.db import IntegrityError, transaction
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.flows import deletion
from accounts.models import User
from billing.errors import BillingUnavailable, NoCard, UnknownPack
from billing.models import AutomaticTopUp, Customer, Pack, TopUp
from billing.stripe import customers, gateway
from billing.topups import automatic, buying, crediting
from config.celery import app
from core.errors import InvalidRequest
from tests.accounts.racing import race
from tests.billing.shop import FREE, Shop, subscribe
from tests.billing.test_buying_tokens import client, pack
from tests.tokens.spending import burn
from tokens import ledger
from tokens.ledger import open_account
from tokens.ledger.verify import verify

__all__ = ["pack"]  # a fixture
pytestmark = pytest.mark.django_db(transaction=True)
THRESHOLD = 50_000


@pytest.fixture(autouse=True)
def _tasks_at_once() -> Iterator[None]:
    """Send email at once, as a worker does."""
    app.loader.import_default_modules()  # a task that is not registered is not run at once
    app.conf.task_always_eager = True
    yield
    app.conf.task_always_eager = False


def save_card(user: User, card: str = "pm_card_visa") -> None:
    customer = customers.ensure(user)
    gateway.attach_card(payment_method=card, customer_id=customer, key=f"test:{user.pk}:{card}")


@pytest.fixture
def on(user: User, pack: Pack) -> AutomaticTopUp:
    """It is on, with a good card, and the rest is above the threshold."""
    save_card(user)
    open_account(user.pk)
    return automatic.turn_on(user, pack=pack.pk, threshold=THRESHOLD, monthly_ceiling=1200)


def fall(user_id: int) -> None:
    """Let the rest fall below the threshold."""
    left = open_account(user_id).available
    burn(user_id, left - THRESHOLD + 1)


def purchases(user_id: int) -> list[TopUp]:
    return list(TopUp.objects.filter(user_id=user_id).order_by("created_at"))


def payments(user_id: int) -> list[str]:
    customer = Customer.objects.get(user_id=user_id).stripe_id
    return [one["status"] for one in gateway.payments_of(customer, since=0)]


def subjects() -> list[str]:
    return [str(sent.subject) for sent in mail.outbox]


def test_nothing_is_bought_above_the_threshold(on: AutomaticTopUp) -> None:
    assert automatic.buy_due() == 0
    burn(on.pk, FREE - THRESHOLD)
    assert automatic.buy_due() == 0
    assert purchases(on.pk) == []


def test_a_fall_below_the_threshold_buys_once(on: AutomaticTopUp, shop: Shop) -> None:
    fall(on.pk)
    assert automatic.buy_due() == 1
    assert automatic.buy_due() == 0
    assert set(shop.deliver()) == {200}
    (row,) = purchases(on.pk)
    assert (row.status, row.automatic, row.paid) == ("paid", True, 500)
    assert open_account(on.pk).bonus == row.tokens
    assert payments(on.pk) == ["succeeded"]
    assert any("tokens" in subject for subject in subjects())
    assert "automatic top-up" in mail.outbox[-1].body
    assert not list(verify())


def test_the_next_fall_buys_again_and_no_more_than_the_ceiling(on: AutomaticTopUp) -> None:
    for number in (1, 2):
        fall(on.pk)
        assert automatic.buy_due() == 1, number
    fall(on.pk)
    mail.outbox.clear()
    for _ in range(3):
        assert automatic.buy_due() == 0
    assert len(purchases(on.pk)) == 2
    assert subjects() == ["The automatic top-up has reached its monthly ceiling"]
    on.refresh_from_db()
    assert on.enabled


def test_the_ceiling_is_of_a_calendar_month(on: AutomaticTopUp) -> None:
    for _ in range(2):
        fall(on.pk)
        automatic.buy_due()
    fall(on.pk)
    assert automatic.buy_due() == 0
    before = timezone.now().astimezone(UTC).replace(day=1) - timedelta(days=1)
    TopUp.objects.update(created_at=before)
    AutomaticTopUp.objects.update(ceiling_told=datetime(2020, 1, 1, tzinfo=UTC).date())
    assert automatic.buy_due() == 1


def test_refunds_do_not_raise_the_ceiling(on: AutomaticTopUp, shop: Shop) -> None:
    for _ in range(2):
        fall(on.pk)
        automatic.buy_due()
    client().v1.refunds.create({"payment_intent": str(purchases(on.pk)[0].payment_intent)})
    shop.deliver()
    assert automatic.spent_this_month(on.user) == 1000
    if open_account(on.pk).available >= THRESHOLD:
        fall(on.pk)
    assert automatic.buy_due() == 0


def test_many_workers_at_once_buy_once(on: AutomaticTopUp) -> None:
    fall(on.pk)
    race(automatic.buy_due, runners=6)
    assert [row.status for row in purchases(on.pk)] == ["paid"]
    assert payments(on.pk) == ["succeeded"]


def test_the_database_allows_one_at_a_time(on: AutomaticTopUp, pack: Pack) -> None:
    TopUp.objects.create(user=on.user, automatic=True, **crediting.offer(pack))
    with pytest.raises(IntegrityError), transaction.atomic():
        TopUp.objects.create(user=on.user, automatic=True, **crediting.offer(pack))


def test_what_is_reserved_is_not_gone(on: AutomaticTopUp) -> None:
    ledger.reserve(user_id=on.pk, amount=FREE - 10, ttl=60)
    assert automatic.buy_due() == 0


@pytest.mark.parametrize(
    ("card", "why"),
    [
        ("pm_card_chargeCustomerFail", "declined"),
        ("pm_card_authenticationRequired", "authentication"),
    ],
)
def test_a_card_that_says_no_stops_it(
    user: User, pack: Pack, shop: Shop, card: str, why: str
) -> None:
    save_card(user, card)
    open_account(user.pk)
    automatic.turn_on(user, pack=pack.pk, threshold=THRESHOLD, monthly_ceiling=1200)
    fall(user.pk)
    mail.outbox.clear()
    assert automatic.buy_due() == 0
    shop.deliver()
    found = AutomaticTopUp.objects.get(pk=user.pk)
    assert (found.enabled, found.stopped) == (False, why)
    assert [row.status for row in purchases(user.pk)] == ["expired"]
    assert payments(user.pk) == ["canceled"]
    assert subjects() == ["The automatic top-up was turned off"]
    assert automatic.buy_due() == 0
    assert open_account(user.pk).bonus == 0


def test_an_answer_that_is_lost_is_made_up_for(on: AutomaticTopUp, shop: Shop) -> None:
    fall(on.pk)
    shop.fake.fail("lost", times=6, path="/v1/payment_intents", method="POST")
    assert automatic.buy_due() == 0
    assert [row.status for row in purchases(on.pk)] == ["open"]
    assert automatic.buy_due() == 0  # the purchase is under way
    TopUp.objects.update(created_at=timezone.now() - timedelta(minutes=20))
    buying.settle_overdue()
    assert [row.status for row in purchases(on.pk)] == ["paid"]
    assert payments(on.pk) == ["succeeded"]
    assert not list(verify())


def test_a_process_that_dies_before_it_asks_is_made_up_for(on: AutomaticTopUp) -> None:
    fall(on.pk)
    row = automatic._begin(on.pk)
    assert row
    TopUp.objects.update(created_at=timezone.now() - timedelta(minutes=20))
    race(buying.settle_overdue, runners=4)
    assert [row.status for row in purchases(on.pk)] == ["paid"]
    assert payments(on.pk) == ["succeeded"]


def test_after_an_hour_nothing_is_asked_for_again(on: AutomaticTopUp) -> None:
    fall(on.pk)
    assert automatic._begin(on.pk)
    TopUp.objects.update(created_at=timezone.now() - timedelta(hours=2))
    buying.settle_overdue()
    assert [row.status for row in purchases(on.pk)] == ["expired"]
    assert payments(on.pk) == []
    assert automatic.buy_due() == 1  # the next run may


def test_an_event_that_comes_before_the_answer_credits_once(on: AutomaticTopUp, shop: Shop) -> None:
    fall(on.pk)
    row = automatic._begin(on.pk)
    assert row
    customer = Customer.objects.get(user=on.user).stripe_id
    card = gateway.saved_card(customer)
    assert card
    intent = gateway.charge_saved_card(
        customer_id=customer, card=card["id"], amount=row.amount, currency=row.currency,
        metadata={crediting.MARK: str(row.pk)}, key=f"automatic:{row.pk}",
    )  # fmt: skip
    events = shop.take()
    assert set(shop.deliver([*events, *events])) == {200}
    assert automatic._take_note(row, intent)
    assert [row.status for row in purchases(on.pk)] == ["paid"]
    assert open_account(on.pk).bonus == row.tokens


def test_a_payment_found_after_it_was_given_up_is_credited(on: AutomaticTopUp, shop: Shop) -> None:
    fall(on.pk)
    automatic.buy_due()
    events = shop.take()
    TopUp.objects.update(status="expired", payment_intent=None, paid_at=None, paid=0)
    shop.deliver(events)
    assert [row.status for row in purchases(on.pk)] == ["paid"]


def test_a_dispute_stops_it(on: AutomaticTopUp, shop: Shop) -> None:
    fall(on.pk)
    automatic.buy_due()
    (row,) = purchases(on.pk)
    charge = client().v1.payment_intents.retrieve(str(row.payment_intent)).latest_charge
    shop.fake.dispute(str(charge))
    assert set(shop.deliver()) == {200}
    on.refresh_from_db()
    row.refresh_from_db()
    assert (on.enabled, on.stopped, row.taken_back) == (False, "disputed", row.tokens)


def test_a_pack_with_another_price_is_not_what_was_agreed_to(on: AutomaticTopUp) -> None:
    Pack.objects.filter(pk=on.pack_id).update(price=600)
    fall(on.pk)
    assert automatic.buy_due() == 0
    on.refresh_from_db()
    assert (on.enabled, on.stopped) == (False, "not_sold")
    assert payments(on.pk) == []


def test_no_card_no_purchase(user: User, pack: Pack) -> None:
    with pytest.raises(NoCard):
        automatic.turn_on(user, pack=pack.pk, threshold=1, monthly_ceiling=500)


def test_the_card_of_the_subscription_is_charged(
    caller: APIClient, user: User, pack: Pack, shop: Shop
) -> None:
    assert subscribe(caller).status_code == 201
    shop.deliver()
    card = automatic.card_of(user)
    assert card
    assert card["card"]["last4"] == "4242"


@pytest.mark.parametrize(
    ("threshold", "ceiling"), [(0, 500), (1_000_001, 500), (1, 499), (1, 0), (1, -1)]
)
def test_settings_are_bounded(user: User, pack: Pack, threshold: int, ceiling: int) -> None:
    save_card(user)
    with pytest.raises(InvalidRequest):
        automatic.turn_on(user, pack=pack.pk, threshold=threshold, monthly_ceiling=ceiling)
    with pytest.raises(UnknownPack):
        automatic.turn_on(user, pack="none", threshold=1, monthly_ceiling=500)


def test_off_is_off(on: AutomaticTopUp) -> None:
    automatic.turn_off(on.user)
    fall(on.pk)
    assert automatic.buy_due() == 0
    assert purchases(on.pk) == []


def test_nothing_is_bought_for_who_was_suspended_or_has_left(on: AutomaticTopUp) -> None:
    fall(on.pk)
    User.objects.filter(pk=on.pk).update(is_active=False)
    assert automatic.buy_due() == 0
    User.objects.filter(pk=on.pk).update(is_active=True)
    deletion.delete(User.objects.get(pk=on.pk))
    on.refresh_from_db()
    assert not on.enabled
    assert automatic.buy_due() == 0
    assert purchases(on.pk) == []


def test_stripe_away_leaves_everything_as_it_is(on: AutomaticTopUp, shop: Shop) -> None:
    fall(on.pk)
    shop.fake.fail("500", times=30)
    assert automatic.buy_due() == 0
    on.refresh_from_db()
    assert on.enabled
    with pytest.raises(BillingUnavailable):
        automatic.settle(purchases(on.pk)[0])
