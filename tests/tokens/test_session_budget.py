"""Budgets of sessions and tasks in the ledger: exact, in a batch and one after another."""

from typing import Any

import orjson
import pytest
from msgspec.structs import replace
from rest_framework.test import APIClient

from accounts.models import User
from accounts.sessions import session_pairs
from tests.tokens.accounts import account
from tokens import ledger
from tokens.errors import InsufficientTokens, SessionBudgetExceeded
from tokens.ledger import Hold, HoldContext, Receipt, items
from tokens.ledger.batching import as_json
from tokens.ledger.functions import call
from tokens.ledger.verify import verify
from tokens.models import SessionSpending

pytestmark = pytest.mark.django_db

CAPPED = HoldContext(session="s", task="t", session_budget=100, task_budget=70)


@pytest.fixture
def ada() -> User:
    return account(1000)


def reserve(user: User, amount: int, context: HoldContext = CAPPED, **more: Any) -> Hold:
    return ledger.reserve(user_id=user.pk, amount=amount, ttl=60, context=context, **more)


def test_what_is_held_and_what_was_charged_count_together(ada: User) -> None:
    first = reserve(ada, 50)
    with pytest.raises(SessionBudgetExceeded) as refused:
        reserve(ada, 21)
    assert refused.value.facts["available"] == 20
    assert (refused.value.facts["task"], refused.value.facts["budget"]) == ("t", 70)

    ledger.settle(hold=first, charge=10, receipt=Receipt(model="m"))

    reserve(ada, 60)
    with pytest.raises(SessionBudgetExceeded):
        reserve(ada, 1)
    assert reserve(ada, 30, replace(CAPPED, task="other")).amount == 30
    with pytest.raises(SessionBudgetExceeded) as refused:
        reserve(ada, 1, replace(CAPPED, task="third"))
    assert refused.value.facts["session"] == "s"
    assert verify() == []


def test_what_was_spent_before_the_budget_counts_and_nobody_elses(ada: User) -> None:
    without = replace(CAPPED, session_budget=None, task_budget=None)
    others = (replace(without, session="other"), replace(without, task="other"))
    for user, context in (
        (ada, without),
        (account(1000), without),
        (ada, others[0]),
        (ada, others[1]),
    ):
        hold = reserve(user, 5, context)
        ledger.settle(hold=hold, charge=5, receipt=Receipt(model="m"))

    assert reserve(ada, 1000, HoldContext(session="s", session_budget=100), minimum=1).amount == 90
    assert reserve(ada, 1000, HoldContext(task="t", task_budget=70), minimum=1).amount == 60


def test_every_session_and_every_task_has_its_own(ada: User) -> None:
    hold = reserve(ada, 30, HoldContext(session="one", session_budget=100))
    ledger.settle(hold=hold, charge=30, receipt=Receipt(model="m"))

    assert (
        reserve(ada, 500, HoldContext(session="two", session_budget=100), minimum=1).amount == 100
    )
    assert reserve(ada, 500, HoldContext(task="one", task_budget=100), minimum=1).amount == 100


def test_a_request_is_given_what_its_budget_leaves(ada: User) -> None:
    reserve(ada, 60)

    assert reserve(ada, 500, minimum=5).amount == 10


def test_a_batch_is_no_way_around_a_budget(ada: User) -> None:
    batch = [items.to_hold(ada.pk, 30, None, 60, None, CAPPED) for _ in range(4)]

    answers = orjson.loads(call("tokens_reserve", as_json(batch)))

    assert [answer["held"] for answer in answers] == [30, 30, 0, 0]


def test_the_smaller_of_the_users_and_the_keys_budget_applies(ada: User) -> None:
    ada.balance.session_budget = 40
    ada.balance.save(update_fields=["session_budget"])

    with pytest.raises(SessionBudgetExceeded) as refused:
        reserve(ada, 41)
    assert refused.value.facts["budget"] == 40
    assert reserve(ada, 40).amount == 40
    with pytest.raises(SessionBudgetExceeded):
        reserve(ada, 1, HoldContext(session="s"))
    assert reserve(ada, 40, HoldContext(session="other")).amount == 40


def test_a_correction_of_a_receipt_corrects_what_its_session_has_spent(ada: User) -> None:
    hold = reserve(ada, 50)
    ledger.settle(hold=hold, charge=50, receipt=Receipt(model="m", final=False))
    correction = ledger.Correction(
        provider="p", upstream_id="u", prompt_tokens=5, completion_tokens=5
    )

    ledger.adjust(record_id=hold.id, user_id=ada.pk, charge=10, correction=correction)

    assert {one.charged for one in SessionSpending.objects.all()} == {10}
    assert verify() == []
    SessionSpending.objects.filter(kind="task").update(charged=11)
    assert [found.rule for found in verify()] == ["what a session has spent equals its receipts"]


def test_who_has_no_tokens_is_told_that(ada: User) -> None:
    with pytest.raises(InsufficientTokens):
        reserve(ada, 1001)


def test_a_hold_that_expires_leaves_its_names_on_the_receipt(ada: User) -> None:
    hold = ledger.reserve(
        user_id=ada.pk, amount=5, ttl=-1, context=replace(CAPPED, endpoint="chat", model="m")
    )

    assert ledger.expire() == 1

    record = ada.usage_records.get(pk=hold.id)
    assert (record.session, record.task) == ("s", "t")


def test_a_user_sets_their_own_budgets(ada: User) -> None:
    api = APIClient()
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {session_pairs.issue(ada).access}")

    assert api.get("/api/tokens/budgets").json() == {"session_budget": None, "task_budget": None}
    changed = api.patch("/api/tokens/budgets", {"session_budget": 40}, format="json")
    assert changed.json() == {"session_budget": 40, "task_budget": None}
    assert api.patch("/api/tokens/budgets", {"task_budget": 0}, format="json").status_code == 400
    held = api.post("/api/tokens/reserve", {"amount": 41}, format="json", HTTP_X_SESSION_ID="mine")
    assert (held.status_code, held.json()["error"]["code"]) == (402, "session_budget_exceeded")
    assert api.patch("/api/tokens/budgets", {"session_budget": None}, format="json").json() == {
        "session_budget": None,
        "task_budget": None,
    }
