"""`Idempotency-Key`: once, however often and however parallel it is asked."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from accounts.sessions import session_pairs
from tests.tokens.accounts import account
from tokens.models import Balance, IdempotentAnswer, Reservation, UsageRecord
from tokens.tasks import forget_idempotency_keys

USED = {"model": "acme/own", "prompt_tokens": 10, "completion_tokens": 20}


def client_of(user: User) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {session_pairs.issue(user).access}")
    return client


@pytest.fixture
def ada(db: None) -> User:
    return account(100)


@pytest.fixture
def api(ada: User) -> APIClient:
    return client_of(ada)


def post(api: APIClient, what: str, key: str, **body: Any) -> Any:
    return api.post(f"/api/tokens/{what}", body, format="json", headers={"Idempotency-Key": key})


def test_a_repeated_request_replays_its_answer(api: APIClient, ada: User) -> None:
    first = post(api, "reserve", "k", amount=5, ttl=60)
    again = post(api, "reserve", "k", ttl=60, amount=5)
    assert (
        (again.status_code, again.json())
        == (first.status_code, first.json())
        == (201, first.json())
    )
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert Reservation.objects.count() == 1


def test_the_pinned_version_is_the_same_api(api: APIClient) -> None:
    first = post(api, "reserve", "k", amount=5)
    headers = {"Idempotency-Key": "k"}
    again = api.post("/api/v1/tokens/reserve", {"amount": 5}, format="json", headers=headers)
    assert (again.status_code, again.json()) == (201, first.json())


def test_another_request_with_the_same_key_is_refused(api: APIClient) -> None:
    assert post(api, "reserve", "k", amount=5).status_code == 201
    for what, body in (("reserve", {"amount": 6}), ("consume", USED)):
        refused = post(api, what, "k", **body)
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "conflict")
    assert Reservation.objects.count() == 1


def test_keys_are_each_users_own(api: APIClient) -> None:
    assert post(api, "reserve", "k", amount=5).status_code == 201
    assert post(client_of(account(10)), "reserve", "k", amount=6).status_code == 201


def test_a_refusal_is_not_kept(api: APIClient, ada: User) -> None:
    assert post(api, "consume", "k", **USED | {"prompt_tokens": 200}).status_code == 402
    assert post(api, "consume", "k", **USED).status_code == 200
    assert Balance.objects.get(user=ada).used == 30


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "schlüssel", "a\tb"])
def test_an_invalid_key_is_refused(api: APIClient, key: str) -> None:
    refused = post(api, "reserve", key, amount=5)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "Idempotency-Key")
    assert Reservation.objects.count() == 0


@pytest.mark.parametrize("odd", ["12345678901234567890123", '"\\ud800"', "1e999"])
def test_odd_json_beside_what_is_asked(api: APIClient, odd: str) -> None:
    body = f'{{"amount": 5, "note": {odd}}}'
    headers = {"Idempotency-Key": "k"}
    answers = [
        api.post("/api/tokens/reserve", body, content_type="application/json", headers=headers)
        for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert Reservation.objects.count() == 1


def test_after_a_day_it_is_forgotten(api: APIClient) -> None:
    post(api, "reserve", "old", amount=5)
    IdempotentAnswer.objects.update(created_at=timezone.now() - timedelta(hours=25))
    post(api, "reserve", "new", amount=5)
    assert forget_idempotency_keys() == 1
    assert [answer.key for answer in IdempotentAnswer.objects.all()] == ["new"]


@pytest.mark.django_db(transaction=True)
def test_of_eight_at_once_one_has_an_effect() -> None:
    ada = account(1000)
    access = session_pairs.issue(ada).access

    def consume(_: int) -> tuple[int, str]:
        client = APIClient(headers={"Authorization": f"Bearer {access}"})
        try:
            answer = post(client, "consume", "k", **USED)
            return answer.status_code, answer.json()["request_id"]
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        answers = Counter(pool.map(consume, range(8)))

    assert len(answers) == 1
    assert Balance.objects.get(user=ada).used == 30
    assert UsageRecord.objects.count() == 1
