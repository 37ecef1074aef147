"""Payments that Stripe confirms or refuses days after its page: debits, transfers."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from billing.models import Pack, TopUp
from billing.topups import buying
from billing.topups.packs import seed_packs
from tests.factories import UserFactory
from tokens.ledger import open_account

pytestmark = pytest.mark.django_db(transaction=True)

Answers = dict[str, dict[str, Any]]


@pytest.fixture
def stripe_says(settings: Settings) -> Iterator[Answers]:
    """Be Stripe, with one page and one payment: the fake Stripe has cards only."""
    answers: Answers = {}

    class Stripe(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(answers[self.path.rpartition("/")[2]]).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Stripe)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings.STRIPE_SECRET_KEY = "sk_test_debits"
    settings.STRIPE_API_BASE = f"http://127.0.0.1:{server.server_port}"
    yield answers
    server.shutdown()
    server.server_close()


@pytest.fixture
def ordered(stripe_says: Answers) -> TopUp:
    seed_packs()
    pack = Pack.objects.get(pk="small")
    user: User = UserFactory.create()
    return TopUp.objects.create(
        user=user,
        pack=pack,
        tokens=pack.tokens,
        amount=pack.price,
        currency=pack.currency,
        valid_days=0,
        checkout_id="cs_1",
        checkout_url="https://checkout.example/cs_1",
    )


@pytest.mark.parametrize(
    ("payment", "intent", "status"),
    [
        ("unpaid", "processing", "open"),
        ("unpaid", "requires_payment_method", "expired"),
        ("unpaid", "canceled", "expired"),
        ("paid", "succeeded", "paid"),
    ],
)
def test_what_becomes_of_it(
    ordered: TopUp, stripe_says: Answers, payment: str, intent: str, status: str
) -> None:
    stripe_says["cs_1"] = {
        "id": "cs_1",
        "object": "checkout.session",
        "status": "complete",
        "payment_status": payment,
        "payment_intent": "pi_1",
        "amount_total": ordered.amount,
    }
    stripe_says["pi_1"] = {"id": "pi_1", "object": "payment_intent", "status": intent}
    settled = buying.settle("cs_1")
    assert settled
    assert settled.status == status
    assert bool(settled.checkout_url) == (status != "open")
    assert open_account(ordered.user_id).bonus == (ordered.tokens if status == "paid" else 0)


def test_one_that_failed_may_still_be_paid(ordered: TopUp, stripe_says: Answers) -> None:
    TopUp.objects.update(status=TopUp.Status.EXPIRED)
    stripe_says["cs_1"] = {
        "id": "cs_1",
        "object": "checkout.session",
        "status": "complete",
        "payment_status": "paid",
        "payment_intent": "pi_1",
        "amount_total": ordered.amount,
    }
    buying.settle("cs_1")
    assert open_account(ordered.user_id).bonus == ordered.tokens


def test_the_page_of_one_that_is_underway_is_not_opened_again(
    client: Client, ordered: TopUp
) -> None:
    client.force_login(ordered.user)
    assert "Continue to payment" in client.get("/portal/tokens/").text
    TopUp.objects.update(checkout_url="")
    page = client.get("/portal/tokens/").text
    assert "Payment pending" in page
    assert "Continue to payment" not in page
