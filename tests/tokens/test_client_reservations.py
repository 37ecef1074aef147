"""POST /api/tokens/reserve and /api/tokens/consume, for clients that call a provider themselves."""

import uuid
from datetime import UTC, timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from accounts.sessions import session_pairs
from apikeys import keys
from llmproxy.models import Alias
from tests.factories import ModelFactory
from tests.tokens.accounts import account
from tokens import ledger
from tokens.ledger.verify import verify
from tokens.models import Balance, Reservation, UsageRecord
from tokens.tasks import expire_reservations
from tokens.usage import aggregates

USED = {"model": "acme/own", "prompt_tokens": 10, "completion_tokens": 20}


@pytest.fixture
def ada(db: None) -> User:
    return account(100)


@pytest.fixture
def api(ada: User) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {session_pairs.issue(ada).access}")
    return client


@pytest.fixture(autouse=True)
def books_are_right(db: None) -> Any:
    yield
    assert verify() == []


def post(api: APIClient, what: str, **body: Any) -> Any:
    return api.post(f"/api/tokens/{what}", body, format="json")


def reserve(api: APIClient, amount: int = 50) -> str:
    held: str = post(api, "reserve", amount=amount).json()["id"]
    return held


def balance(user: User) -> tuple[int, int, int]:
    found = Balance.objects.get(user=user)
    return found.available, found.used, found.reserved


def test_a_client_reserves_consumes_and_gets_a_receipt(api: APIClient, ada: User) -> None:
    held = post(api, "reserve", amount=50, ttl=60)
    assert held.status_code == 201
    assert held.json()["amount"] == 50
    assert held.json()["expires_at"] > timezone.now().isoformat()
    assert balance(ada) == (50, 0, 50)

    done = post(api, "consume", reservation=held.json()["id"], provider="acme", **USED)
    assert (done.status_code, done.json()["charged"], done.json()["available"]) == (200, 30, 70)
    assert balance(ada) == (70, 30, 0)

    receipt = api.get(f"/api/tokens/usage/{done.json()['request_id']}").json()
    assert (receipt["model"], receipt["provider"], receipt["source"]) == (
        "acme/own",
        "acme",
        "client",
    )
    assert (receipt["available_before"], receipt["available_after"]) == (100, 70)


def test_without_a_reservation(api: APIClient, ada: User) -> None:
    done = post(api, "consume", **USED)
    assert (done.status_code, done.json()["charged"]) == (200, 30)
    assert done.json()["request_id"] == done.headers["X-Request-ID"]
    assert balance(ada) == (70, 30, 0)


def test_nothing_used_costs_nothing(api: APIClient, ada: User) -> None:
    done = post(api, "consume", **USED | {"prompt_tokens": 0, "completion_tokens": 0})
    assert (done.status_code, done.json()["charged"]) == (200, 0)
    assert balance(ada) == (100, 0, 0)


def test_the_weights_of_the_model(api: APIClient) -> None:
    model = ModelFactory.create(name="dear/model", weight_prompt="1.5", weight_completion="2.25")
    Alias.objects.create(name="dear", model=model)
    for name in ("dear/model", "dear"):
        assert (
            post(api, "consume", **USED | {"model": name, "completion_tokens": 3}).json()["charged"]
            == 22
        )  # ceil(15 + 6.75)


def test_cached_tokens_are_a_part_of_the_prompt_and_have_weights_of_their_own(
    api: APIClient,
) -> None:
    ModelFactory.create(name="dear/model", weight_cache_read="0.1", weight_cache_write="1.5")
    cached = {"cache_read_tokens": 6, "cache_write_tokens": 3}

    done = post(api, "consume", **USED | {"model": "dear/model", **cached}).json()

    assert done["charged"] == 27  # ceil(1 + 0.6 + 4.5 + 20)
    kinds = api.get(f"/api/tokens/usage/{done['request_id']}").json()["kinds"]
    assert kinds["cache_read"] == {"tokens": 6, "weight": "0.100"}
    assert kinds["prompt"] == {"tokens": 1, "weight": "1.000"}


def test_more_cached_tokens_than_the_prompt_has_are_refused(api: APIClient, ada: User) -> None:
    refused = post(api, "consume", **USED, cache_read_tokens=6, cache_write_tokens=5)

    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "prompt_tokens")
    assert balance(ada) == (100, 0, 0)


def test_more_than_there_is_cannot_be_held(api: APIClient, ada: User) -> None:
    refused = post(api, "reserve", amount=101)
    error = refused.json()["error"]
    assert (refused.status_code, error["code"]) == (402, "insufficient_tokens")
    assert (error["needed"], error["available"]) == (101, 100)
    assert error["resets_at"]
    assert error["upgrade_url"]
    assert balance(ada) == (100, 0, 0)


def test_nor_spent(api: APIClient, ada: User) -> None:
    refused = post(api, "consume", **USED | {"prompt_tokens": 101})
    assert refused.status_code == 402
    assert balance(ada) == (100, 0, 0)
    assert UsageRecord.objects.count() == 0


def test_a_charge_may_pass_its_hold_within_the_balance(api: APIClient, ada: User) -> None:
    done = post(api, "consume", reservation=reserve(api, 5), **USED)
    assert (done.status_code, done.json()["charged"]) == (200, 30)
    assert balance(ada) == (70, 30, 0)


def test_a_reservation_is_consumed_once(api: APIClient, ada: User) -> None:
    held = reserve(api)
    assert post(api, "consume", reservation=held, **USED).status_code == 200
    again = post(api, "consume", reservation=held, **USED)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "conflict")
    assert balance(ada) == (70, 30, 0)


def test_one_that_has_expired_is_charged_all_the_same(api: APIClient, ada: User) -> None:
    held = reserve(api)
    Reservation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert expire_reservations() == 1
    assert balance(ada) == (100, 0, 0)
    assert post(api, "consume", reservation=held, **USED).json()["charged"] == 30


def test_too_late_for_the_daily_sums_is_refused(api: APIClient, ada: User) -> None:
    held = reserve(api)
    day = timezone.now() - timedelta(days=3)
    Reservation.objects.update(created_at=day, expires_at=day + timedelta(hours=1))
    expire_reservations()
    aggregates.aggregate()

    refused = post(api, "consume", reservation=held, **USED)
    aggregates.aggregate()

    assert aggregates.differing(day.astimezone(UTC).date()) == 0
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "conflict")
    assert balance(ada) == (100, 0, 0)
    assert post(api, "consume", **USED).status_code == 200


def test_somebody_elses_and_the_proxys_are_unknown(api: APIClient, ada: User) -> None:
    theirs = ledger.reserve(user_id=account(10).pk, amount=5, ttl=60)
    context = ledger.HoldContext(endpoint="chat/completions")
    relayed = ledger.reserve(user_id=ada.pk, amount=5, ttl=60, context=context)
    for hold in (theirs.id, relayed.id, uuid.uuid4()):
        refused = post(api, "consume", reservation=str(hold), **USED)
        assert (refused.status_code, refused.json()["error"]["code"]) == (404, "not_found")
    assert Reservation.objects.filter(state="held").count() == 2


@pytest.mark.parametrize(
    ("what", "field", "value"),
    [
        ("reserve", "amount", 0),
        ("reserve", "amount", -1),
        ("reserve", "amount", 10**30),
        ("reserve", "amount", "many"),
        ("reserve", "amount", None),
        ("reserve", "ttl", 0),
        ("reserve", "ttl", 3601),
        ("consume", "prompt_tokens", -1),
        ("consume", "completion_tokens", 10**12),
        ("consume", "model", ""),
        ("consume", "model", "a\0b"),
        ("consume", "model", "x" * 201),
        ("consume", "provider", ["x"]),
        ("consume", "reservation", "none"),
    ],
)
def test_invalid_fields_are_refused(api: APIClient, what: str, field: str, value: Any) -> None:
    fit = {"amount": 5} if what == "reserve" else USED
    refused = post(api, what, **fit | {field: value})
    error = refused.json()["error"]
    assert (refused.status_code, error["code"], error["param"]) == (400, "invalid_request", field)


def test_a_key_needs_the_scope(ada: User) -> None:
    _, reader = keys.create(user=ada, name="reader")
    key, writer = keys.create(user=ada, name="writer", scopes=["tokens:write"])
    refused = APIClient().post("/api/tokens/reserve", {"amount": 1}, headers={"X-API-Key": reader})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "key_scope")
    client = APIClient(headers={"X-API-Key": writer})
    assert post(client, "reserve", amount=1).status_code == 201
    assert Reservation.objects.get().api_key == key.pk
