"""Events of the fake Stripe, and how they reach whoever listens."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import stripe

from devserver.stripe.shop import Shop
from tests.fakes.stripe_process import StripeProcess


class Site:
    """A site that listens: what it got, and what it answers next (then 200)."""

    def __init__(self) -> None:
        self.got: list[tuple[bytes, str]] = []
        self.answers: list[int] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                site.got.append((body, self.headers["stripe-signature"]))
                self.send_response(site.answers.pop(0) if site.answers else 200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def events(self, secret: str) -> list[stripe.Event]:
        """Return what it got, each verified by the package."""
        verify = stripe.Webhook.construct_event
        return [verify(body, signed, secret) for body, signed in self.got]


@pytest.fixture
def shop(fake: StripeProcess) -> Shop:
    fake.reset(keep_endpoints=False)
    return Shop(fake)


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.server.shutdown()
    site.server.server_close()


def test_each_event_is_delivered_signed_and_once(
    fake: StripeProcess, shop: Shop, site: Site
) -> None:
    secret = fake.webhook(site.url)["secret"]
    shop.stock()
    customer = shop.customer()
    shop.subscribe(customer)
    fake.settle()
    kinds = [event.type for event in site.events(secret)]
    for kind in (
        "payment_method.attached",
        "customer.created",
        "invoice.created",
        "invoice.finalized",
        "charge.succeeded",
        "payment_intent.succeeded",
        "invoice.paid",
        "invoice.payment_succeeded",
        "customer.subscription.created",
    ):
        assert kinds.count(kind) == 1, kind
    shop.v1.customers.update(customer.id, {"name": "New"})
    fake.settle()
    event = site.events(secret)[-1].to_dict()
    assert event["data"]["object"]["name"] == "New"
    assert event["data"]["previous_attributes"] == {"name": None}
    assert shop.v1.events.retrieve(event["id"]).type == "customer.updated"
    with pytest.raises(stripe.SignatureVerificationError):
        site.events("whsec_other")


def test_an_endpoint_hears_what_it_asked_for(fake: StripeProcess, shop: Shop, site: Site) -> None:
    endpoint = fake.webhook(site.url, events=("product.created",))
    shop.stock()
    fake.settle()
    assert {event.type for event in site.events(endpoint["secret"])} == {"product.created"}
    assert "secret" not in shop.v1.webhook_endpoints.retrieve(endpoint["id"]).to_dict()


def test_what_is_not_taken_comes_again(fake: StripeProcess, shop: Shop, site: Site) -> None:
    fake.deliver(retry_seconds=0.01)
    secret = fake.webhook(site.url)["secret"]
    site.answers = [500, 503]
    shop.customer(None)
    while fake.deliveries()[0]["state"] != "delivered":
        fake.settle()
    assert len({event.id for event in site.events(secret)}) == 1
    statuses = [attempt["status"] for attempt in fake.deliveries()[0]["attempts"]]
    assert statuses == [500, 503, 200]


def test_held_until_released_in_any_order(fake: StripeProcess, shop: Shop, site: Site) -> None:
    secret = fake.webhook(site.url)["secret"]
    fake.deliver("held")
    shop.subscribe(shop.stock().customer())
    fake.settle()
    assert site.got == []
    fake.release("invoice.paid", "customer.created")
    fake.settle()
    assert [event.type for event in site.events(secret)] == ["invoice.paid", "customer.created"]


def test_taken_to_be_delivered_by_oneself(fake: StripeProcess, shop: Shop, site: Site) -> None:
    secret = fake.webhook(site.url)["secret"]
    fake.deliver("held")
    shop.customer(None)
    [taken] = fake.take()
    signed = taken["headers"]["Stripe-Signature"]
    event = stripe.Webhook.construct_event(taken["body"], signed, secret)
    assert event.type == "customer.created"
    assert fake.take() == []
    assert site.got == []


def test_duplicated_and_shuffled(fake: StripeProcess, shop: Shop, site: Site) -> None:
    secret = fake.webhook(site.url)["secret"]
    fake.deliver("duplicated")
    shop.customer(None)
    fake.settle()
    assert len(site.got) == 2
    assert len({event.id for event in site.events(secret)}) == 1
    fake.deliver("shuffled")
    site.got.clear()
    shop.subscribe(shop.stock().customer())
    fake.settle()
    made = [event.id for event in shop.v1.events.list({"limit": len(site.got)}).data]
    arrived = [event.id for event in site.events(secret)]
    assert sorted(arrived) == sorted(made)
    assert arrived != made[::-1]


def test_a_years_webhooks_arrive_as_time_passes(
    fake: StripeProcess, shop: Shop, site: Site
) -> None:
    secret = fake.webhook(site.url, events=("invoice.paid",))["secret"]
    shop.subscribe(shop.stock().customer())
    fake.advance(days=368)
    times = [event.created for event in site.events(secret)]
    assert len(times) == 13
    assert times == sorted(times)
    assert times[-1] - times[0] > 360 * 86400


def test_an_event_can_be_sent_again(fake: StripeProcess, shop: Shop, site: Site) -> None:
    fake.webhook(site.url)
    shop.customer(None)
    fake.settle()
    fake.resend(fake.deliveries()[0]["event"])
    fake.settle()
    assert site.got[0][0] == site.got[1][0]
