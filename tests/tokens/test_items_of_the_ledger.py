"""What the ledger's SQL functions are given, and what is made of their answers."""

import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import asdict

from tests.tokens.accounts import account
from tokens.errors import (
    InsufficientTokens,
    KeyBudgetExceeded,
    ReservationClosed,
    SessionBudgetExceeded,
)
from tokens.ledger import items
from tokens.ledger.batching import as_json
from tokens.ledger.values import Correction, Hold, HoldContext, Receipt, Settlement
from tokens.models import Balance

ID, KEY = uuid.uuid4(), uuid.uuid4()
HOLD = Hold(ID, 7, 100, 900)
RECEIPT = Receipt(model="m", prompt_tokens=5, price_prompt=Decimal("0.1"))


def test_a_reservation_has_its_context() -> None:
    context = HoldContext("req_1", KEY, 50, "chat/completions", "m", "s", "t", 60, 70)

    assert items.to_hold(7, 100, 10, 60.5, ID, context) == {
        "id": ID,
        "user_id": 7,
        "minimum": 10,
        "amount": 100,
        "ttl": 60.5,
        "request_id": "req_1",
        "api_key": KEY,
        "key_budget": 50,
        "endpoint": "chat/completions",
        "model": "m",
        "session": "s",
        "task": "t",
        "session_budget": 60,
        "task_budget": 70,
    }


def test_a_reservation_without_context_leaves_no_receipt() -> None:
    item = items.to_hold(7, 100, None, 60, None, None)

    assert (item["minimum"], item["amount"]) == (100, 100)
    assert item["id"].version == 7
    assert {name: item[name] for name in HoldContext.__struct_fields__} == asdict(HoldContext())


@pytest.mark.parametrize(
    ("amount", "minimum"), [(0, None), (-1, None), (5, 0), (5, -1), (5, 6), (0, 0)]
)
def test_a_reservation_needs_a_minimum_up_to_its_amount(amount: int, minimum: int | None) -> None:
    with pytest.raises(ValueError, match=r"^a reservation needs 0 < minimum <= amount$"):
        items.to_hold(7, amount, minimum, 60, ID, None)


@pytest.mark.parametrize(("amount", "minimum"), [(1, None), (1, 1), (5, 5), (5, 1)])
def test_the_smallest_reservation_is_a_token(amount: int, minimum: int | None) -> None:
    assert items.to_hold(7, amount, minimum, 60, ID, None)["amount"] == amount


def test_an_accepted_reservation() -> None:
    item = items.to_hold(7, 100, 10, 60, ID, None)

    assert items.held(item, {"held": 50, "available": 0}) == Hold(ID, 7, 50, 0)


def test_a_settlement_has_the_columns_of_its_receipt() -> None:
    item = items.to_close(HOLD, 30, RECEIPT)

    assert item == {"id": ID, "user_id": 7, "charge": 30, "record": asdict(RECEIPT)}
    assert tuple(item["record"]) == Receipt.__struct_fields__
    assert '"price_prompt":"0.1"' in as_json([item])


def test_a_release_has_no_receipt() -> None:
    assert items.to_release(ID, 7) == {"id": ID, "user_id": 7, "charge": 0, "record": None}


def test_a_bounded_settlement() -> None:
    item = items.to_close_within(HOLD, 30, RECEIPT, key_budget=50)

    assert item == items.to_close(HOLD, 30, RECEIPT) | {"bounded": True, "key_budget": 50}


def test_a_correction_has_its_columns_or_none() -> None:
    correction = Correction(provider="p", upstream_id="u", prompt_tokens=5, completion_tokens=6)

    item = items.to_adjust(ID, 7, 30, correction)
    assert item == {"id": ID, "user_id": 7, "charge": 30, "record": asdict(correction)}
    assert items.to_adjust(ID, 7, None, None) == {
        "id": ID,
        "user_id": 7,
        "charge": None,
        "record": {},
    }
    assert items.to_adjust(ID, 7, 0, correction)["charge"] == 0


def test_a_charge_is_not_negative() -> None:
    negative = r"^a charge cannot be negative$"
    with pytest.raises(ValueError, match=negative):
        items.to_close(HOLD, -1, RECEIPT)
    with pytest.raises(ValueError, match=negative):
        items.to_close_within(HOLD, -1, RECEIPT, key_budget=None)
    with pytest.raises(ValueError, match=negative):
        items.to_adjust(ID, 7, -1, None)


def test_an_answer_is_a_settlement() -> None:
    answer = {"charged": 5, "available": 95, "fresh": True}

    assert items.settled(answer) == Settlement(5, 95, fresh=True)
    with pytest.raises(ReservationClosed) as caught:
        items.settled(None)
    assert caught.value.message == "There is no such reservation."


def item(**more: Any) -> dict[str, Any]:
    context = HoldContext("", KEY, 50, "", "", "the session", "the task", 60, 70)
    return {**items.to_hold(7, 100, 10, 60, ID, context), "charge": 30, **more}


def answer(available: int = 1000, key: int | None = None, **more: Any) -> dict[str, Any]:
    return {"available": available, "key_left": key, **more}


@pytest.mark.parametrize(("left", "told"), [(9, 9), (0, 0), (-5, 0)])
@pytest.mark.parametrize(("kind", "budget"), [("session", 60), ("task", 70)])
def test_a_session_or_a_task_has_too_little_left(
    kind: str, budget: int, left: int, told: int
) -> None:
    found = items.refused(item(), answer(**{f"{kind}_left": left, f"{kind}_budget": budget}))

    expected = SessionBudgetExceeded(
        kind=kind, name=f"the {kind}", budget=budget, available=told, needed=10
    )
    assert type(found) is SessionBudgetExceeded
    assert (found.message, found.facts) == (expected.message, expected.facts)


def test_the_session_is_named_before_the_task() -> None:
    both = {"session_left": 1, "session_budget": 60, "task_left": 1, "task_budget": 70}

    assert "the session" in items.refused(item(), answer(**both)).message
    task_only = items.refused(item(), answer(**{**both, "session_left": 10}))
    assert "the task" in task_only.message


@pytest.mark.parametrize(("left", "told"), [(9, 9), (0, 0), (-5, 0)])
def test_a_key_has_too_little_left_of_its_month(left: int, told: int) -> None:
    before = datetime.now(UTC)
    found = items.refused(item(), answer(key=left, session_left=None, task_left=None))
    after = datetime.now(UTC)

    assert type(found) is KeyBudgetExceeded
    assert (found.facts["budget"], found.facts["left"]) == (50, told)
    resets_at = found.facts["resets_at"]
    assert (resets_at.day, resets_at.hour, resets_at.minute, resets_at.second) == (1, 0, 0, 0)
    assert resets_at.microsecond == 0
    assert resets_at.tzinfo is UTC
    assert before.month % 12 + 1 == resets_at.month or after.month % 12 + 1 == resets_at.month
    left_then, left_now = ((resets_at - moment).total_seconds() for moment in (after, before))
    assert left_then <= found.facts["retry_after"] <= left_now + 1
    assert isinstance(found.facts["retry_after"], int)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "facts",
    [
        answer(available=9),
        # The balance is named where it is what there is too little of, whatever the budgets have.
        answer(available=9, key=5),
        answer(available=9, session_left=5, session_budget=60),
        answer(available=9, task_left=5, task_budget=70),
        answer(available=9, key=10, session_left=10, task_left=10),
    ],
)
def test_the_balance_has_too_little(facts: dict[str, Any]) -> None:
    user = account(100)

    found = items.refused(item(user_id=user.pk), facts)

    balance = Balance.objects.get(user=user)
    assert type(found) is InsufficientTokens
    assert (found.facts["needed"], found.facts["available"]) == (10, 9)
    assert found.facts["resets_at"] == balance.period_end


@pytest.mark.django_db
def test_budgets_that_just_suffice_are_not_named() -> None:
    user = account(100)
    enough = answer(available=10, key=10, session_left=10, task_left=10)

    assert type(items.refused(item(user_id=user.pk), enough)) is InsufficientTokens


def test_budgets_count_where_the_balance_just_suffices() -> None:
    assert type(items.refused(item(), answer(10, key=9))) is KeyBudgetExceeded
    task = answer(10, task_left=9, task_budget=70)
    assert type(items.refused(item(), task)) is SessionBudgetExceeded


def test_a_report_needs_its_charge() -> None:
    found = items.not_charged(item(), answer(session_left=29, session_budget=60))

    assert found.facts["needed"] == 30
