"""A customer from their first day to their last: money and tokens are right at every step."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from billing import tasks
from billing.entitlements import state
from billing.models import Customer, Invoice, Subscription
from tests.accounts.signing_in import fresh_email
from tests.billing import checkout
from tests.billing.shop import ENTERPRISE, FREE, PRO, Shop, change, current, post, subscribe
from tests.factories import PASSWORD
from tests.tokens.clock import set_clock
from tokens import ledger
from tokens.ledger import Receipt, open_account
from tokens.ledger.verify import verify


class Life:
    """One customer, and the time that passes for them, for Stripe and for the ledger alike."""

    def __init__(self, api: APIClient, shop: Shop) -> None:
        self.api, self.shop = api, shop
        body = {"email": fresh_email(), "password": PASSWORD}
        session = api.post("/api/auth/register", body, format="json").json()
        api.credentials(HTTP_AUTHORIZATION=f"Bearer {session['access']}")
        self.user = User.objects.get(email=body["email"])

    def passes(self, days: float) -> None:
        """Of what Stripe has to tell meanwhile only the last event comes: one is enough."""
        self.shop.advance(days=days)
        set_clock(datetime.fromtimestamp(self.shop.fake.now(), UTC))
        assert set(self.shop.deliver(self.shop.take()[-1:])) <= {200}

    def uses(self, tokens: int) -> None:
        hold = ledger.reserve(user_id=self.user.pk, amount=tokens, ttl=60)
        ledger.settle(hold=hold, charge=tokens, receipt=Receipt(model="m"))

    def decides_on_card(self, *, declined: bool) -> None:
        card = self.shop.card_of(Customer.objects.get(user=self.user).stripe_id)
        self.shop.fake.decline(card, "generic_decline" if declined else None)

    @property
    def tokens(self) -> int:
        return int(self.api.get("/api/tokens/balance").json()["available"])

    @property
    def plan(self) -> tuple[str, str]:
        shown = current(self.api)
        return shown["plan"], shown["status"]

    @property
    def paid(self) -> list[int]:
        """What each invoice has cost them, in cents, the first first."""
        found = self.api.get("/api/subscriptions/invoices").json()["results"]
        return [invoice["paid"] for invoice in reversed(found)]


def test_tokens_and_payments_are_right_from_sign_up_to_deletion(api: APIClient, shop: Shop) -> None:
    life = Life(api, shop)
    assert (life.plan, life.tokens) == (("free", "none"), FREE)
    for _ in range(2):
        tasks.make_customer(life.user.pk)

    page = subscribe(api, payment_method=None).json()["checkout_url"]
    assert (life.plan, life.tokens) == (("free", "none"), FREE)
    assert checkout.pay(page).endswith("/billing/success/")
    life.passes(days=0)
    assert (life.plan, life.tokens, life.paid) == (("pro", "active"), PRO, [2_000])

    life.uses(1_000_000)
    period = open_account(life.user.pk)
    life.passes(days=(period.period_end - period.period_start) / timedelta(days=2))
    assert change(api, "enterprise").status_code == 200
    assert life.paid[-1] == pytest.approx(9_000, rel=0.05)  # half of the difference
    given = life.tokens - 4_000_000
    assert given == pytest.approx((ENTERPRISE - PRO) / 2, rel=0.05)

    for _ in range(12):
        life.passes(days=30.5)
        life.uses(100_000)
    assert life.plan == ("enterprise", "active")
    assert life.tokens == ENTERPRISE - 100_000
    assert life.paid[2:] == [20_000] * 12

    life.decides_on_card(declined=True)
    while life.plan == ("enterprise", "active"):
        life.passes(days=3)
    assert life.plan == ("enterprise", "past_due")
    assert life.tokens == ENTERPRISE - 100_000  # nothing new
    _grace_is_over()
    assert life.plan == ("free", "past_due")
    life.decides_on_card(declined=False)
    life.passes(days=9)  # Stripe has tried again meanwhile
    assert (life.plan, life.tokens) == (("enterprise", "active"), ENTERPRISE)

    assert change(api, "pro").json()["pending_change"]["plan"] == "pro"
    assert life.tokens == ENTERPRISE
    life.passes(days=32)
    assert (life.plan, life.tokens) == (("pro", "active"), PRO)
    assert life.paid[-1] == 2_000

    assert post(api, "cancel").json()["cancel_at_period_end"] is True
    assert life.tokens == PRO
    life.passes(days=32)
    assert life.plan == ("free", "none")
    assert life.tokens == FREE
    bills = len(life.paid)
    life.passes(days=62)
    assert (life.tokens, len(life.paid)) == (FREE, bills)
    assert verify(user_id=life.user.pk) == []
    assert Subscription.objects.get().status == "canceled"
    assert Invoice.objects.exclude(status="paid").count() == 0


def _grace_is_over() -> None:
    Subscription.objects.update(grace_until=timezone.now())
    assert state.end_grace() == 1


def test_a_year_at_once(api: APIClient, shop: Shop) -> None:
    """Paid by the year, renewed by the month, and over when the year is."""
    life = Life(api, shop)
    subscribe(api, interval="year")
    life.passes(days=0)
    for month in range(1, 12):
        life.uses(1_000_000)
        life.passes(days=31.1)
        balance = open_account(life.user.pk)
        assert (balance.available, balance.tier_id) == (PRO, "pro"), month
        tasks.mend()
    assert life.paid == [20_000]

    post(api, "cancel")
    life.passes(days=26)

    assert life.plan == ("free", "none")
    assert life.tokens == FREE
