"""What clients report is charged within hold, balance and key budget, or refused as a whole."""

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import orjson
import pytest
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from accounts.sessions import session_pairs
from apikeys import keys
from apikeys.models import ApiKey
from tests.tokens.accounts import account, parts
from tokens import ledger
from tokens.errors import KeyBudgetExceeded
from tokens.ledger import Hold, HoldContext, Receipt, items
from tokens.ledger.batching import Answer, Item, as_json
from tokens.ledger.functions import call
from tokens.ledger.verify import verify
from tokens.models import Entry, KeySpending, Reservation, UsageRecord
from tokens.tasks import expire_reservations

Books = tuple[Any, ...]


@pytest.fixture
def ada(db: None) -> User:
    return account(1000)


@pytest.fixture(autouse=True)
def books_are_right(db: None) -> Any:
    yield
    assert verify() == []


def session_of(user: User) -> APIClient:
    return APIClient(headers={"Authorization": f"Bearer {session_pairs.issue(user).access}"})


def key_of(user: User, budget: int | None) -> APIClient:
    scopes = ["tokens:write"]
    _, text = keys.create(user=user, name="k", scopes=scopes, monthly_token_budget=budget)
    return APIClient(headers={"X-API-Key": text})


def reserve(api: APIClient, amount: int) -> str:
    made = api.post("/api/tokens/reserve", {"amount": amount}, format="json")
    assert made.status_code == 201, made.content
    held: str = made.json()["id"]
    return held


def consume(api: APIClient, tokens: int, *, on: str | None = None, **headers: str) -> Any:
    body = {"model": "m", "reservation": on, "prompt_tokens": tokens, "completion_tokens": 0}
    return api.post("/api/tokens/consume", body, format="json", headers=headers)


def books(user: User) -> Books:
    """Return all that a refusal must leave alone."""
    holds = Reservation.objects.filter(user=user).values_list("pk", "state", "amount", "closed_at")
    entries = Entry.objects.filter(user=user).count()
    receipts = UsageRecord.objects.filter(user=user).values_list("pk", "charged")
    return parts(user), entries, sorted(holds), sorted(receipts)


def error_of(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


@pytest.mark.parametrize(("budget", "most"), [(None, 1000), (300, 300), (5000, 1000)])
@pytest.mark.parametrize("held", [None, 1, 200])
def test_a_report_is_charged_up_to_what_is_left_and_no_further(
    ada: User, budget: int | None, most: int, held: int | None
) -> None:
    api = key_of(ada, budget)
    on = reserve(api, held) if held else None
    before = books(ada)

    refused = consume(api, most + 1, on=on)
    if budget == 300:
        assert error_of(refused) == (429, "key_budget_exceeded")
        assert (refused.json()["error"]["budget"], refused.json()["error"]["left"]) == (300, 300)
        assert refused.json()["error"]["resets_at"]
        assert int(refused.headers["Retry-After"]) > 0
    else:
        assert error_of(refused) == (402, "insufficient_tokens")
        facts = refused.json()["error"]
        assert (facts["needed"], facts["available"]) == (1001, 1000)
        assert facts["resets_at"]
        assert facts["upgrade_url"]
    assert books(ada) == before

    done = consume(api, most, on=on)
    assert (done.status_code, done.json()["charged"]) == (200, most)
    assert done.json()["available"] == 1000 - most
    assert parts(ada) == (1000, most, 0, 0, 0)


def test_a_huge_report_on_a_small_hold_makes_no_debt(ada: User) -> None:
    api = session_of(ada)
    on = reserve(api, 1)
    for tokens in (90_000, 1_000_000_000):
        assert error_of(consume(api, tokens, on=on)) == (402, "insufficient_tokens")
    assert parts(ada) == (1000, 0, 0, 1, 0)
    assert consume(api, 2, on=on).json()["charged"] == 2


def test_what_other_requests_hold_is_not_charged(ada: User) -> None:
    api = session_of(ada)
    reserve(api, 700)
    on = reserve(api, 100)
    facts = consume(api, 301, on=on).json()["error"]
    assert (facts["code"], facts["available"]) == ("insufficient_tokens", 300)
    assert consume(api, 300, on=on).status_code == 200
    assert parts(ada) == (1000, 300, 0, 700, 0)


def test_what_the_key_holds_elsewhere_is_not_charged(ada: User) -> None:
    api = key_of(ada, 100)
    reserve(api, 60)
    on = reserve(api, 10)
    refused = consume(api, 41, on=on)
    assert error_of(refused) == (429, "key_budget_exceeded")
    assert refused.json()["error"]["left"] == 40
    assert consume(api, 40, on=on).status_code == 200
    assert error_of(consume(api, 1)) == (429, "key_budget_exceeded")


def test_a_hold_stays_good_when_the_budget_is_made_smaller(ada: User) -> None:
    api = key_of(ada, 100)
    on = reserve(api, 50)
    ApiKey.objects.update(monthly_token_budget=20)
    refused = consume(api, 51, on=on)
    assert error_of(refused) == (429, "key_budget_exceeded")
    assert refused.json()["error"]["left"] == 50
    assert consume(api, 50, on=on).json()["charged"] == 50


def test_an_expired_hold_is_charged_from_what_is_left_alone(ada: User) -> None:
    api = key_of(ada, 100)
    on = reserve(api, 60)
    Reservation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert expire_reservations() == 1
    other = reserve(api, 70)
    before = books(ada)
    refused = consume(api, 31, on=on)
    assert error_of(refused) == (429, "key_budget_exceeded")
    assert refused.json()["error"]["left"] == 30
    assert books(ada) == before
    assert consume(api, 30, on=on).status_code == 200
    assert consume(api, 70, on=other).status_code == 200


def test_a_hold_of_last_month_is_charged_to_the_budget_of_last_month(ada: User) -> None:
    """Its receipt counts there, so this month's budget must not pay for it again and again."""
    api = key_of(ada, 100)
    assert consume(api, 90).status_code == 200
    on = reserve(api, 5)
    last_month = timezone.now().replace(day=1) - timedelta(days=1)
    UsageRecord.objects.update(created_at=last_month)
    Reservation.objects.filter(pk=on).update(created_at=last_month)
    KeySpending.objects.all().delete()  # as if all had been then

    refused = consume(api, 11, on=on)

    assert error_of(refused) == (429, "key_budget_exceeded")
    assert refused.json()["error"]["left"] == 10
    assert consume(api, 10, on=on).status_code == 200
    assert consume(api, 100).status_code == 200


def test_a_key_settles_only_what_it_has_reserved_itself(ada: User) -> None:
    session, one, other = session_of(ada), key_of(ada, 500), key_of(ada, 10)
    of_session, of_one = reserve(session, 5), reserve(one, 5)
    before = books(ada)
    for api, on in ((one, of_session), (other, of_session), (other, of_one)):
        assert error_of(consume(api, 1, on=on)) == (404, "not_found")
    assert books(ada) == before
    assert consume(one, 5, on=of_one).status_code == 200
    assert consume(session, 5, on=of_session).status_code == 200


def test_a_session_is_held_to_the_budget_of_the_key_that_reserved(ada: User) -> None:
    on = reserve(key_of(ada, 10), 5)
    assert error_of(consume(session_of(ada), 11, on=on)) == (429, "key_budget_exceeded")
    assert consume(session_of(ada), 10, on=on).json()["charged"] == 10


def test_a_repetition_has_the_same_answer_and_a_refusal_may_be_tried_again(ada: User) -> None:
    api = session_of(ada)
    on = reserve(api, 5)
    assert consume(api, 2000, on=on, **{"Idempotency-Key": "k"}).status_code == 402
    first = consume(api, 100, on=on, **{"Idempotency-Key": "k"})
    again = consume(api, 100, on=on, **{"Idempotency-Key": "k"})
    assert (again.status_code, again.json()) == (200, first.json())
    assert again.headers["Idempotent-Replayed"] == "true"
    assert error_of(consume(api, 100, on=on)) == (409, "conflict")
    assert parts(ada) == (1000, 100, 0, 0, 0)


def test_what_a_provider_reports_is_charged_in_full(ada: User) -> None:
    context = HoldContext(api_key=uuid.uuid4(), key_budget=10, endpoint="chat/completions")
    hold = ledger.reserve(user_id=ada.pk, amount=10, ttl=60, context=context)
    settled = ledger.settle(hold=hold, charge=1500, receipt=Receipt(model="m"))
    assert settled.charged == 1500
    assert parts(ada) == (1000, 1000, 0, 0, 500)


def batch_of(user: User, key: uuid.UUID, charges: list[int]) -> list[Item]:
    context = HoldContext(api_key=key, key_budget=100)
    holds = [ledger.reserve(user_id=user.pk, amount=10, ttl=60, context=context) for _ in charges]
    return [
        items.to_close_within(hold, charge, Receipt(model="m"), key_budget=100)
        for hold, charge in zip(holds, charges, strict=True)
    ]


def test_in_a_batch_each_report_sees_those_before_it(ada: User) -> None:
    batch = batch_of(ada, uuid.uuid4(), [30, 60, 59, 10, 2])

    answers: list[Answer] = orjson.loads(call("tokens_settle", as_json(batch)))

    assert [answer and answer["charged"] for answer in answers] == [30, None, None, 10, 2]
    assert [answer and answer.get("key_left") for answer in answers][1:3] == [40, 40]
    assert parts(ada)[1:] == (42, 0, 20, 0)


def test_a_batch_decides_as_its_reports_one_by_one(ada: User, db: None) -> None:
    bob, charges = account(1000), [30, 60, 59, 10, 2, 25]
    together: list[Answer] = orjson.loads(
        call("tokens_settle", as_json(batch_of(ada, uuid.uuid4(), charges)))
    )
    alone = [
        orjson.loads(call("tokens_settle", as_json([item])))[0]
        for item in batch_of(bob, uuid.uuid4(), charges)
    ]
    assert together == alone
    assert parts(ada) == parts(bob)


@pytest.mark.django_db(transaction=True)
def test_reports_in_a_race_stay_within_balance_and_budget() -> None:
    ada, key = account(1000), uuid.uuid4()
    batch = batch_of(ada, key, [50] * 8)

    def settle(item: Item) -> bool:
        try:
            hold = Hold(item["id"], item["user_id"], 10, 0)
            ledger.settle_within(hold=hold, charge=50, receipt=Receipt(model="m"), key_budget=100)
        except KeyBudgetExceeded:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(8) as pool:
        done = sum(pool.map(settle, batch))
    assert KeySpending.objects.get().charged == 50 * done <= 100
    assert parts(ada) == (1000, 50 * done, 0, 10 * (8 - done), 0)


@pytest.mark.parametrize(
    "odd",
    [
        -1,
        1.5,
        10.0,
        True,
        None,
        "",
        "ten",
        "1_0",
        " 1",
        "\u0661\u0660",
        "\uff11\uff10",
        10**10,
        10**40,
        [],
        {},
        float("nan"),
        float("inf"),
    ],
)
@pytest.mark.parametrize("field", ["prompt_tokens", "completion_tokens"])
def test_odd_numbers_are_refused(ada: User, field: str, odd: Any) -> None:
    body = {"model": "m", "prompt_tokens": 1, "completion_tokens": 1, field: odd}
    refused = session_of(ada).post(
        "/api/tokens/consume", data=json.dumps(body), content_type="application/json"
    )
    assert error_of(refused) == (400, "invalid_request")
    assert parts(ada) == (1000, 0, 0, 0, 0)
