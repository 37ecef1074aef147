"""Whoever holds the secret may still sign nonsense: it is refused with 400, and never stored."""

import json
import time
from typing import Any

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient
from structlog.testing import capture_logs

from billing.models import StripeEvent
from billing.stripe import signatures
from tests.billing.shop import Shop, subscribe
from tests.billing.webhooks import send, signed

NUL = "\0"
EVENT: dict[str, Any] = {
    "id": "evt_1",
    "object": "event",
    "type": "invoice.paid",
    "created": 1,
    "data": {"object": {"id": "in_1", "object": "invoice", "customer": "cus_1"}},
}
WRONG: tuple[Any, ...] = (None, 7, 1.5, True, [], {}, [["x"]])


def about(**changed: Any) -> dict[str, Any]:
    return {**EVENT, "data": {"object": {**EVENT["data"]["object"], **changed}}}


CREATED: tuple[Any, ...] = (
    *(10**18, 10**400, -1, 253_402_300_800, 1e9, True, "1", None, [], {}),
    *(float("nan"), float("inf")),
)
CUSTOMERS: tuple[Any, ...] = ("c" * 400, NUL, 7, [], {"id": 7}, {"id": "c" * 400}, {})
ODD: list[Any] = [
    *({**EVENT, "created": created} for created in CREATED),
    *({**EVENT, "id": each} for each in ("e" * 256, "e" * 400, "", NUL, "é", "a b", "\ud800")),
    *({**EVENT, "id": wrong} for wrong in WRONG),
    *({**EVENT, "type": kind} for kind in ("t" * 101, "", NUL, "Ärger", "a b", *WRONG)),
    *({**EVENT, "data": data} for data in (*WRONG, "x", {"object": 7}, {"object": [1]})),
    *(about(id=odd) for odd in ("i" * 400, "", NUL, *WRONG)),
    *(about(customer=customer) for customer in CUSTOMERS),
    *(about(parent=parent) for parent in ("x", 7, [1], {"subscription_details": "x"})),
    about(parent={"subscription_details": {"subscription": ["sub_1"]}}),
    about(parent={"subscription_details": {"subscription": {"no": "id"}}}),
    about(subscription=NUL),
    about(object=7),
    about(object=["invoice"]),
    {},
    [],
    None,
    "event",
    7,
    {"object": "event"},
]
BODIES = [json.dumps(each) for each in ODD]
BODIES += ["", "{", "\xff", "[" * 100_000, '{"a":' * 100_000, json.dumps(EVENT) + "x", "1e99999"]


def deliver(body: str, settings: Settings, *, after: float = 0) -> Any:
    header = signed(body, settings.STRIPE_WEBHOOK_SECRET, time.time() + after)
    return send(body, **{"Stripe-Signature": header})


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_a_signed_body_that_is_no_event_is_refused(
    shop: Shop, settings: Settings, body: str
) -> None:
    answer = deliver(body, settings)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")
    assert not StripeEvent.objects.exists()


def test_an_expanded_object_is_known_by_its_id(shop: Shop, settings: Settings) -> None:
    odd = about(customer={"id": "cus_1", "name": "Ada", "deep": [[{}]]}, parent=None)
    assert deliver(json.dumps({**odd, "type": "product.updated"}), settings).status_code == 200
    stored = StripeEvent.objects.get().payload["data"]["object"]
    assert stored == {"id": "in_1", "object": "invoice", "customer": "cus_1"}


def test_an_event_of_no_concern_needs_no_id(shop: Shop, settings: Settings) -> None:
    body = {**EVENT, "type": "balance.available", "data": {"object": {"object": "balance"}}}
    assert deliver(json.dumps(body), settings).status_code == 200


@pytest.mark.parametrize(
    ("after", "status"),
    [(-3600, 400), (-310, 400), (-240, 200), (0, 200), (240, 200), (310, 400), (3600, 400)],
)
def test_a_signature_is_good_for_five_minutes_either_way(
    shop: Shop, settings: Settings, after: float, status: int
) -> None:
    body = json.dumps({**EVENT, "type": "product.updated"})
    assert deliver(body, settings, after=after).status_code == status


@pytest.mark.parametrize(
    "header",
    [
        "",
        "t=,v1=",
        "v1={good}",
        "t={now}",
        "t={now},v1=",
        "t={now},v0={good}",
        "t={now},v1={good}0",
        "t={now},v1=é",
        "t=-{now},v1={good}",
        "t={now}.0,v1={good}",
        "t={now},t={now},v1={good}",
        "t=٤,v1={good}",
        "t=" + "9" * 5000 + ",v1={good}",
        "," * 10_000,
    ],
)
def test_a_malformed_signature_header_is_refused(header: str) -> None:
    now, body = 1_700_000_000, b"body"
    good = signed("body", "s", now).rpartition("=")[2]
    given = header.format(now=now, good=good)
    assert not signatures.is_good(given, body, secret="s", now=now)


def test_one_good_signature_of_several_will_do() -> None:
    """Stripe signs with the old and the new secret while one is being replaced."""
    header = signed("body", "new", 1_700_000_000) + ",v0=x,v1=" + "0" * 64
    assert signatures.is_good(header, b"body", secret="new", now=1_700_000_000)
    assert not signatures.is_good(header, b"body", secret="old", now=1_700_000_000)
    assert not signatures.is_good(header, b"Body", secret="new", now=1_700_000_000)


def test_refusals_are_in_the_security_log(shop: Shop, settings: Settings) -> None:
    with capture_logs() as logs:
        send("{}", **{"Stripe-Signature": "t=1,v1=2"})
        deliver("{}", settings)
    refused = [line for line in logs if line["event"] == "webhook_refused"]
    assert [line["reason"] for line in refused] == ["signature", "object"]
    assert all(line["address"] == "127.0.0.1" for line in refused)


@pytest.mark.parametrize(
    ("kind", "about"),
    [
        ("customer.subscription.updated", {"id": "sub_gone", "object": "subscription"}),
        ("charge.refunded", {"id": "ch_gone", "object": "charge"}),
        (
            "invoice.paid",
            {
                "id": "in_gone",
                "object": "invoice",
                "parent": {"subscription_details": {"subscription": "sub_gone"}},
            },
        ),
    ],
)
def test_an_event_about_what_is_gone_is_taken_once(
    shop: Shop, settings: Settings, kind: str, about: dict[str, Any]
) -> None:
    body = json.dumps({**EVENT, "type": kind, "data": {"object": about}})
    assert [deliver(body, settings).status_code for _ in range(2)] == [200, 200]
    stored = StripeEvent.objects.get()
    assert stored.processed_at
    assert stored.attempts == 1
    assert "GoneAtStripe" in stored.error


def test_stripe_s_failure_is_no_absence(caller: APIClient, shop: Shop) -> None:
    subscribe(caller)
    event, *_ = shop.take()
    shop.fake.fail("500", times=3)
    assert shop.tell(event).status_code == 503
    assert not StripeEvent.objects.get().processed_at
