"""Refunds that staff make in the admin: bounded, once, audited, and they take back tokens."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from adminpanel.actions import refunds
from billing.errors import BillingUnavailable
from billing.models import Invoice, Pack, TopUp
from billing.stripe import gateway
from core.errors import Conflict, InvalidRequest, PermissionDenied
from tests.accounts.racing import race
from tests.adminpanel.site import signed_in
from tests.billing.shop import FREE, PRO, Shop, subscribe, tokens
from tests.billing.test_buying_tokens import bought, client, pack
from tests.factories import UserFactory
from tokens.ledger import open_account
from tokens.ledger.verify import verify

__all__ = ["bought", "pack"]  # fixtures
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def staff(db: None) -> User:
    made: User = UserFactory.create(is_staff=True)
    made.groups.add(Group.objects.get(name="finance"))
    return made


def refunded_at_stripe(intent: str | None) -> int:
    return sum(one.amount for one in client().v1.refunds.list({"payment_intent": str(intent)}).data)


def page_of(row: TopUp | Invoice) -> str:
    return reverse(f"admin:billing_{row._meta.model_name}_refund", args=(row.pk,))


def form(amount: str, **fields: str) -> dict[str, str]:
    return {
        "amount": amount,
        "reason": "asked nicely",
        "sure": "on",
        "once": str(uuid4()),
        **fields,
    }


def test_a_purchase_is_refunded_in_part_and_its_tokens_taken_back(bought: TopUp) -> None:
    answer = signed_in("finance").post(page_of(bought), form("2.00"))
    assert answer.status_code == 302
    bought.refresh_from_db()
    assert (bought.paid, bought.refunded) == (500, 200)
    assert bought.taken_back == bought.tokens * 2 // 5
    assert refunded_at_stripe(bought.payment_intent) == 200
    note = LogEntry.objects.get(object_id=str(bought.pk)).get_change_message()
    assert "refund: 5.00 USD left → 2.00 USD asked for" in note
    assert "asked nicely" in note


def test_the_event_changes_nothing_more(bought: TopUp, shop: Shop) -> None:
    signed_in("finance").post(page_of(bought), form("5.00"))
    assert set(shop.deliver()) == {200}
    bought.refresh_from_db()
    assert (bought.refunded, bought.taken_back) == (500, bought.tokens)
    assert open_account(bought.user_id).available == FREE
    assert not list(verify())


def test_an_invoice_is_refunded(caller: APIClient, user: User, shop: Shop) -> None:
    assert subscribe(caller).status_code == 201
    shop.deliver()
    invoice = Invoice.objects.get(subscription__user=user)
    assert signed_in("finance").post(page_of(invoice), form("10.00")).status_code == 302
    invoice.refresh_from_db()
    assert (invoice.refunded, invoice.taken_back) == (1000, PRO // 2)
    assert tokens(user) == PRO // 2


def test_a_form_that_is_sent_twice_refunds_once(bought: TopUp, staff: User) -> None:
    once = uuid4()

    def refund() -> bool:
        return refunds.refund_top_up(
            staff=staff, top_up_id=bought.pk, amount=100, reason="r", once=once
        )

    race(refund, runners=4)
    assert refund() is False
    assert refunded_at_stripe(bought.payment_intent) == 100
    bought.refresh_from_db()
    assert bought.refunded == 100


def test_two_staff_never_refund_more_than_was_paid(bought: TopUp, staff: User) -> None:
    def refund() -> bool:
        try:
            return refunds.refund_top_up(
                staff=staff, top_up_id=bought.pk, amount=400, reason="r", once=uuid4()
            )
        except (Conflict, InvalidRequest):
            return False

    assert sorted(race(refund, runners=3)) == [False, False, True]
    assert refunded_at_stripe(bought.payment_intent) == 400


@pytest.mark.parametrize("amount", ["0", "-1", "5.01", "1.001", "x", ""])
def test_amounts_are_bounded(bought: TopUp, amount: str) -> None:
    answer = signed_in("finance").post(page_of(bought), form(amount))
    assert answer.status_code == 400
    assert refunded_at_stripe(bought.payment_intent) == 0


def test_nothing_is_left_after_all_was_refunded(bought: TopUp, staff: User) -> None:
    finance = signed_in("finance")
    assert "Refund" in finance.get(page_of(bought).replace("refund/", "change/")).content.decode()
    finance.post(page_of(bought), form("5.00"))
    with pytest.raises(Conflict):
        refunds.refund_top_up(staff=staff, top_up_id=bought.pk, amount=1, reason="r", once=uuid4())


def test_who_may_not(bought: TopUp, staff: User) -> None:
    for role in ("support", "none"):
        assert signed_in(role).post(page_of(bought), form("1")).status_code in (302, 403)
    assert Client().post(page_of(bought), form("1")).status_code == 302
    bought.user.groups.add(Group.objects.get(name="admin"))
    assert signed_in("finance").post(page_of(bought), form("1")).status_code == 403
    with pytest.raises(PermissionDenied):
        refunds.refund_top_up(staff=staff, top_up_id=bought.pk, amount=1, reason="r", once=uuid4())
    assert refunded_at_stripe(bought.payment_intent) == 0


def test_a_failure_at_stripe_is_audited_and_can_be_repeated(
    bought: TopUp, staff: User, shop: Shop
) -> None:
    once = uuid4()
    shop.fake.fail("500", times=3, path="/v1/refunds", method="POST")
    with pytest.raises(BillingUnavailable):
        refunds.refund_top_up(staff=staff, top_up_id=bought.pk, amount=100, reason="r", once=once)
    assert LogEntry.objects.filter(object_id=str(bought.pk)).count() == 2
    refunds.refund_top_up(staff=staff, top_up_id=bought.pk, amount=100, reason="r", once=once)
    assert refunded_at_stripe(bought.payment_intent) == 100


def test_an_answer_that_is_lost_refunds_once(bought: TopUp, staff: User, shop: Shop) -> None:
    shop.fake.fail("lost", path="/v1/refunds", method="POST")
    refunds.refund_top_up(staff=staff, top_up_id=bought.pk, amount=100, reason="r", once=uuid4())
    assert refunded_at_stripe(bought.payment_intent) == 100


def test_the_event_takes_back_what_a_killed_process_did_not(
    bought: TopUp, pack: Pack, shop: Shop
) -> None:
    gateway.refund(
        intent_id=str(bought.payment_intent), amount=500, metadata={}, key=f"refund:{uuid4()}"
    )
    shop.deliver()
    bought.refresh_from_db()
    assert bought.taken_back == pack.tokens


def test_a_form_that_is_sent_again_after_days_refunds_nothing_more(
    bought: TopUp, staff: User
) -> None:
    """Stripe has forgotten its idempotency key by then."""
    once = uuid4()
    refunds.refund_top_up(staff=staff, top_up_id=bought.pk, amount=100, reason="r", once=once)
    LogEntry.objects.update(action_time=timezone.now() - timedelta(days=2))
    with pytest.raises(Conflict):
        refunds.refund_top_up(staff=staff, top_up_id=bought.pk, amount=100, reason="r", once=once)
    assert refunded_at_stripe(bought.payment_intent) == 100
