"""The shop of a test: what a user buys in it, and Stripe's events, delivered as the test wants."""

import random
from collections.abc import Sequence
from typing import Any

from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from billing.models import Invoice, Subscription
from billing.stripe import gateway
from tests.fakes.stripe_process import StripeProcess
from tokens.ledger import open_account
from tokens.models import Balance

FREE, PRO, ENTERPRISE = 100_000, 5_000_000, 50_000_000

Delivery = dict[str, Any]


class Shop:
    def __init__(self, fake: StripeProcess) -> None:
        self.fake = fake
        self._http = Client(raise_request_exception=False)

    def take(self) -> list[Delivery]:
        """Take what Stripe has to tell, oldest first, without telling it."""
        return self.fake.take()

    def deliver(self, events: Sequence[Delivery] | None = None) -> list[int]:
        """Tell the site of these events, or of all that wait; return the answers' statuses."""
        events = self.take() if events is None else events
        return [self.tell(event).status_code for event in events]

    def tell(self, event: Delivery, **changed: Any) -> Any:
        given = {**event, **changed}
        headers = {
            name: value
            for name, value in given["headers"].items()
            if name.lower() != "content-type"
        }
        return self._http.post(
            "/api/stripe/webhook/", given["body"], content_type="application/json", headers=headers
        )

    def card_of(self, customer: str) -> str:
        """Return the id of the card that a customer's invoices charge."""
        default = gateway.customer(customer)["invoice_settings"]["default_payment_method"]
        subscription, *_ = gateway.subscriptions_of(customer)
        return str(subscription["default_payment_method"] or default)

    def shuffled(self, events: Sequence[Delivery], seed: int) -> list[Delivery]:
        return random.Random(seed).sample(list(events), len(events))

    def advance(self, days: float) -> None:
        """Let time pass at Stripe, whose events wait."""
        self.fake.advance(days=days, settle=False)


def subscribe(caller: APIClient, plan: str = "pro", **fields: Any) -> Any:
    body = {"plan": plan, "payment_method": "pm_card_visa", **fields}
    return caller.post("/api/subscriptions/subscribe", body, format="json")


def change(caller: APIClient, plan: str, **fields: Any) -> Any:
    return caller.put("/api/subscriptions/upgrade", {"plan": plan, **fields}, format="json")


def post(caller: APIClient, what: str, **body: Any) -> Any:
    return caller.post(f"/api/subscriptions/{what}", body, format="json")


def current(caller: APIClient) -> dict[str, Any]:
    shown: dict[str, Any] = caller.get("/api/subscriptions/current").json()
    return shown


def tokens(user: User) -> int:
    return open_account(user.pk).available


def standing(user: User) -> dict[str, Any]:
    """Return all that events have made of a user: what must not depend on how they came."""
    balance = Balance.objects.get(user=user)
    row = Subscription.objects.filter(user=user).order_by("created_at").last()
    assert row
    return {
        "tier": balance.tier_id,
        "available": balance.available,
        "allocated": balance.allocated,
        "plan": row.plan_id,
        "next_plan": row.next_plan_id,
        "status": row.status,
        "entitled": row.entitled,
        "period_end": row.period_end,
        "invoices": sorted(
            Invoice.objects.filter(subscription=row).values_list("pk", "status", "tokens")
        ),
    }
