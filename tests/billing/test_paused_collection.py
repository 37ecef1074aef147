"""A subscription whose invoices are voided is paid by nobody: it counts as unpaid."""

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from billing.models import Subscription
from billing.stripe import gateway
from billing.stripe import readings as read
from tests.billing.shop import PRO, Shop, subscribe, tokens
from tokens.ledger import open_account


def pause(behavior: str | None) -> None:
    row = Subscription.objects.get()
    given = {"behavior": behavior} if behavior else ""
    gateway._v1().subscriptions.update(row.stripe_id, {"pause_collection": given})


def test_voided_invoices_end_the_plan_until_collection_goes_on(
    caller: APIClient, user: User, shop: Shop
) -> None:
    subscribe(caller)
    shop.deliver()
    assert tokens(user) == PRO

    pause("void")
    assert set(shop.deliver()) == {200}
    row = Subscription.objects.get()
    assert (row.status, row.entitled) == ("unpaid", False)
    assert open_account(user.pk).tier_id == "free"
    assert tokens(user) < PRO / 10

    pause(None)
    assert set(shop.deliver()) == {200}
    row.refresh_from_db()
    assert (row.status, row.entitled) == ("active", True)
    assert open_account(user.pk).tier_id == "pro"


@pytest.mark.parametrize("behavior", ["keep_as_draft", "mark_uncollectible"])
def test_a_service_that_goes_on_meanwhile_keeps_its_plan(
    caller: APIClient, user: User, shop: Shop, behavior: str
) -> None:
    subscribe(caller)
    shop.deliver()
    pause(behavior)
    assert set(shop.deliver()) == {200}
    assert (Subscription.objects.get().status, tokens(user)) == ("active", PRO)


@pytest.mark.parametrize("status", ["canceled", "incomplete", "incomplete_expired", "unpaid"])
def test_what_is_not_paid_anyway_stays_what_it_is(status: str) -> None:
    assert read.status_of({"status": status, "pause_collection": {"behavior": "void"}}) == status
