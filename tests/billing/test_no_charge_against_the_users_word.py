"""The saved card is not charged after a refund, a dispute, or the user's no, nor on other terms."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from billing.models import AutomaticTopUp, Invoice, Pack, TopUp
from billing.topups import automatic, buying, refunds
from tests.billing.shop import Shop, subscribe
from tests.billing.test_automatic_top_up import (
    THRESHOLD,
    _tasks_at_once,
    fall,
    on,
    pack,
    payments,
    purchases,
    subjects,
)
from tests.billing.test_buying_tokens import client
from tests.tokens.spending import burn
from tokens.ledger import open_account

__all__ = ["_tasks_at_once", "on", "pack"]  # fixtures
pytestmark = pytest.mark.django_db(transaction=True)


def charge_of(row: TopUp | Invoice) -> str:
    return str(client().v1.payment_intents.retrieve(str(row.payment_intent)).latest_charge)


def test_a_refund_is_not_charged_again(on: AutomaticTopUp, shop: Shop) -> None:
    fall(on.pk)
    assert automatic.buy_due() == 1
    (row,) = purchases(on.pk)
    client().v1.refunds.create({"payment_intent": str(row.payment_intent)})
    assert set(shop.deliver()) == {200}
    assert automatic.buy_due() == 0
    assert len(payments(on.pk)) == 1
    on.refresh_from_db()
    assert (on.enabled, on.stopped) == (False, "refunded")
    assert subjects()[-1] == "The automatic top-up was turned off"


def test_a_refund_that_leaves_enough_changes_nothing(on: AutomaticTopUp, shop: Shop) -> None:
    fall(on.pk)
    automatic.buy_due()
    (row,) = purchases(on.pk)
    client().v1.refunds.create({"payment_intent": str(row.payment_intent), "amount": 100})
    shop.deliver()
    on.refresh_from_db()
    assert on.enabled


def subscriber(caller: APIClient, user: User, pack: Pack, shop: Shop) -> Invoice:
    """The automatic top-up is on, and half of what the invoice paid for is below its threshold."""
    assert subscribe(caller).status_code == 201
    shop.deliver()
    automatic.turn_on(user, pack=pack.pk, threshold=THRESHOLD, monthly_ceiling=1200)
    left = open_account(user.pk).available
    burn(user.pk, left - THRESHOLD - 1)
    return Invoice.objects.get(subscription__user=user)


def test_a_refund_of_an_invoice_charges_nothing(
    caller: APIClient, user: User, pack: Pack, shop: Shop
) -> None:
    invoice = subscriber(caller, user, pack, shop)
    before = len(payments(user.pk))
    client().v1.refunds.create({"payment_intent": str(invoice.payment_intent)})
    assert set(shop.deliver()) == {200}
    assert open_account(user.pk).available < THRESHOLD
    assert automatic.buy_due() == 0
    assert len(payments(user.pk)) == before


def test_whoever_disputes_an_invoice_is_charged_no_more(
    caller: APIClient, user: User, pack: Pack, shop: Shop
) -> None:
    invoice = subscriber(caller, user, pack, shop)
    before = len(payments(user.pk))
    shop.fake.dispute(charge_of(invoice))
    assert set(shop.deliver()) == {200}
    assert automatic.buy_due() == 0
    assert len(payments(user.pk)) == before
    found = AutomaticTopUp.objects.get(pk=user.pk)
    assert (found.enabled, found.stopped) == (False, "disputed")


def test_an_interrupted_purchase_is_not_paid_after_it_was_turned_off(on: AutomaticTopUp) -> None:
    fall(on.pk)
    assert automatic._begin(on.pk)
    automatic.turn_off(on.user)
    TopUp.objects.update(created_at=timezone.now() - timedelta(minutes=20))
    buying.settle_overdue()
    assert payments(on.pk) == []
    assert [row.status for row in purchases(on.pk)] == ["expired"]


def test_who_turns_it_off_before_the_payment_does_not_pay(on: AutomaticTopUp) -> None:
    fall(on.pk)
    row = automatic._begin(on.pk)
    assert row
    automatic.turn_off(on.user)
    assert not automatic._charge(row)
    assert payments(on.pk) == []


@pytest.mark.parametrize("change", [{"currency": "eur"}, {"valid_days": 1}])
def test_other_terms_are_not_what_was_agreed_to(
    on: AutomaticTopUp, change: dict[str, object]
) -> None:
    Pack.objects.filter(pk=on.pack_id).update(**change)
    fall(on.pk)
    assert automatic.buy_due() == 0
    on.refresh_from_db()
    assert (on.enabled, on.stopped) == (False, "not_sold")


def test_a_purchase_counts_while_its_payment_may_be_under_way(on: AutomaticTopUp) -> None:
    fall(on.pk)
    row = automatic._begin(on.pk)
    assert row
    TopUp.objects.update(created_at=timezone.now() - timedelta(minutes=61))
    buying.settle_overdue()
    assert [found.status for found in purchases(on.pk)] == ["open"]
    assert automatic.spent_this_month(on.user) == row.amount
    assert not automatic._charge(row)
    assert payments(on.pk) == []


def test_a_refund_and_its_stop_are_one(on: AutomaticTopUp, shop: Shop) -> None:
    """No run between the two finds few tokens, and it still on."""
    fall(on.pk)
    automatic.buy_due()
    (row,) = purchases(on.pk)
    with transaction.atomic():
        refunds.write(row, lost=row.paid, seen=row.settlements, why="refunded")
        on.refresh_from_db()
        assert not on.enabled
        transaction.set_rollback(True)
    on.refresh_from_db()
    row.refresh_from_db()
    assert (on.enabled, row.taken_back) == (True, 0)
