"""What is read from Stripe's objects, in each shape that they have."""

from datetime import UTC, datetime
from typing import Any

import pytest

from billing.stripe import readings
from billing.stripe.readings import Bought

Obj = dict[str, Any]

DAY = 86_400
JANUARY = (0, 31 * DAY)


def subscription(**fields: Any) -> Obj:
    items = [
        {"price": {"id": "price_1"}, "current_period_start": 0, "current_period_end": DAY},
        {"price": "price_beside", "current_period_start": 5, "current_period_end": 6},
    ]
    given = {"status": "active", "cancel_at_period_end": False, "items": {"data": items}}
    return {**given, **fields}


def test_moments_are_in_utc() -> None:
    assert readings.at(DAY) == datetime(1970, 1, 2, tzinfo=UTC)
    assert readings.at(DAY).tzinfo is UTC
    assert readings.moment(DAY) == readings.at(DAY)
    assert readings.moment(0) == readings.at(0)
    assert readings.moment(None) is None


def test_an_object_has_its_id_be_it_expanded_or_not() -> None:
    assert readings.identifier("in_1") == "in_1"
    assert readings.identifier({"id": "in_1"}) == "in_1"
    assert readings.identifier(None) is None


@pytest.mark.parametrize(
    ("status", "behavior", "read"),
    [
        ("active", None, "active"),
        ("active", "void", "unpaid"),
        ("trialing", "void", "unpaid"),
        ("past_due", "void", "unpaid"),
        ("canceled", "void", "canceled"),
        ("active", "keep_as_draft", "active"),
        ("active", "mark_uncollectible", "active"),
    ],
)
def test_a_subscription_whose_invoices_are_voided_is_unpaid(
    status: str, behavior: str | None, read: str
) -> None:
    pause = None if behavior is None else {"behavior": behavior}

    assert readings.status_of(subscription(status=status, pause_collection=pause)) == read
    assert readings.status_of(subscription(status=status)) == status


def test_price_and_period_are_those_of_the_first_item() -> None:
    assert readings.price_of(subscription()) == "price_1"
    assert readings.period_of(subscription()) == (readings.at(0), readings.at(DAY))


@pytest.mark.parametrize(
    ("fields", "ends"),
    [
        ({}, False),
        ({"cancel_at": None}, False),
        ({"cancel_at": DAY}, True),
        ({"cancel_at_period_end": True}, True),
    ],
)
def test_either_way_of_ending_is_seen(fields: Obj, ends: bool) -> None:
    assert readings.ends_with_period(subscription(**fields)) is ends


@pytest.mark.parametrize(
    ("schedule", "identifier"),
    [
        (None, None),
        ("sub_sched_1", None),
        ({"id": "sub_sched_1", "status": "active"}, "sub_sched_1"),
        ({"id": "sub_sched_1", "status": "not_started"}, "sub_sched_1"),
        ({"id": "sub_sched_1", "status": "released"}, None),
    ],
)
def test_the_schedule_that_rules(schedule: Any, identifier: str | None) -> None:
    assert readings.open_schedule(subscription(schedule=schedule)) == identifier
    assert readings.open_schedule(subscription()) is None


def schedule(*prices: Any, status: str = "active") -> Obj:
    now = {"items": [{"price": "price_1"}]}
    last = {"items": [{"price": one} for one in prices]}
    return {"id": "sub_sched_1", "status": status, "phases": [now, now, last]}


@pytest.mark.parametrize(
    ("found", "price"),
    [
        (None, None),
        ("sub_sched_1", None),
        (schedule("price_2"), "price_2"),
        (schedule({"id": "price_2"}), "price_2"),
        (schedule("price_beside", "price_2"), "price_2"),
        (schedule("price_1"), None),
        (schedule("price_beside"), None),
        (schedule("price_2", status="released"), None),
        (schedule("price_2", status="not_started"), None),
    ],
)
def test_the_price_to_come_is_in_the_last_phase(found: Any, price: str | None) -> None:
    assert readings.price_to_come(subscription(schedule=found)) == price
    assert readings.price_to_come(subscription()) is None


@pytest.mark.parametrize(
    ("invoice", "found"),
    [
        ({}, None),
        ({"parent": None}, None),
        ({"parent": {"subscription_details": None}}, None),
        ({"parent": {"subscription_details": {"subscription": "sub_1"}}}, "sub_1"),
        ({"parent": {"subscription_details": {"subscription": {"id": "sub_1"}}}}, "sub_1"),
        ({"subscription": "sub_2"}, "sub_2"),
        (
            {"parent": {"subscription_details": {"subscription": "sub_1"}}, "subscription": "s"},
            "sub_1",
        ),
    ],
)
def test_the_subscription_of_an_invoice(invoice: Obj, found: str | None) -> None:
    assert readings.subscription_of(invoice) == found


def paid(*intents: Any) -> Obj:
    return {"payments": {"data": [{"payment": {"payment_intent": one}} for one in intents]}}


@pytest.mark.parametrize(
    ("invoice", "intent"),
    [
        ({}, None),
        ({"payments": None}, None),
        ({"payments": {}}, None),
        (paid(), None),
        (paid("pi_1"), "pi_1"),
        (paid("pi_1", {"id": "pi_2"}), "pi_2"),
        (paid("pi_1", None), "pi_1"),
        ({"payments": {"data": [{"payment": {}}]}}, None),
    ],
)
def test_the_latest_payment_of_an_invoice(invoice: Obj, intent: str | None) -> None:
    assert readings.intent_of(invoice) == intent


def test_the_secret_for_the_browser() -> None:
    assert readings.client_secret({"confirmation_secret": {"client_secret": "s"}}) == "s"
    assert readings.client_secret({"confirmation_secret": None}) is None
    assert readings.client_secret({}) is None


def line(
    price: Any = "price_1",
    amount: int = 500,
    period: tuple[int, int] = JANUARY,
    proration: bool | None = None,
    parent: str = "subscription_item_details",
) -> Obj:
    found: Obj = {
        "amount": amount,
        "period": {"start": period[0], "end": period[1]},
        "pricing": {"price_details": {"price": price}} if price else None,
    }
    return found if proration is None else {**found, "parent": {parent: {"proration": proration}}}


def bought(price: str = "price_1", end: int = 31 * DAY, *, whole: bool = True) -> Bought:
    return Bought(price, readings.at(0), readings.at(end), whole=whole)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], None),
        ([line(price=None)], None),
        ([{**line(), "pricing": {"price_details": None}}], None),
        ([line(amount=-500)], None),
        ([line()], bought()),
        ([line(amount=0)], bought()),
        ([line(price={"id": "price_2"})], bought("price_2")),
        ([line(proration=False)], bought()),
        ([line(proration=True)], bought(whole=False)),
        ([line(proration=True, parent="invoice_item_details")], bought(whole=False)),
        ([line(proration=True, parent="other_details")], bought()),
        ([{**line(), "parent": None}], bought()),
        # A whole period has precedence over rests of periods, then the one that ends last, then
        # the dearest.
        ([line("price_2", 900, proration=True), line()], bought()),
        ([line(), line("price_2", 900, proration=True)], bought()),
        ([line("price_2", 900), line(period=(0, 32 * DAY))], bought(end=32 * DAY)),
        ([line("price_2", 900), line()], bought("price_2")),
        ([line(), line("price_2", 900)], bought("price_2")),
    ],
)
def test_what_an_invoice_was_for(lines: list[Obj], expected: Bought | None) -> None:
    assert readings.bought_by({"lines": {"data": lines}}) == expected
