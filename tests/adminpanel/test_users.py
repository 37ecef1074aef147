"""GET /api/admin/users."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts.flows import deletion
from accounts.models import User
from accounts.sessions import session_pairs
from apikeys import keys
from apikeys.models import ApiKey
from tests.adminpanel.conftest import As
from tests.factories import UserFactory
from tokens import ledger
from tokens.ledger import open_account
from tokens.models import Balance, Tier


@pytest.fixture
def ada(db: None) -> User:
    user: User = UserFactory.create(email="ada@example.com", name="Ada Lovelace")
    ledger.open_account(user.pk)
    return user


def listed(api: APIClient, **query: Any) -> list[dict[str, Any]]:
    answer = api.get("/api/admin/users", query)
    assert answer.status_code == 200, answer.content
    found: list[dict[str, Any]] = answer.json()["results"]
    return found


def test_a_listed_user_has_plan_status_and_tokens(support: APIClient, ada: User) -> None:
    ledger.reserve(user_id=ada.pk, amount=40, ttl=60)
    (row,) = listed(support, search="ADA@")

    assert (row["id"], row["name"], row["plan"], row["status"]) == (
        ada.pk,
        "Ada Lovelace",
        "free",
        "active",
    )
    assert row["tokens"]["reserved"] == 40
    assert row["available"] == row["tokens"]["allocated"] - 40
    assert row["last_seen"] is None


def test_whoever_never_came_by_is_on_the_free_plan(support: APIClient) -> None:
    Tier.objects.create(name="free", title="Free", monthly_tokens=777)
    new = UserFactory.create(email="new@example.com")
    (row,) = listed(support, search="new@", plan="free")
    assert (row["plan"], row["available"], row["tokens"]["allocated"]) == ("free", 777, 777)
    assert row["available"] == open_account(new.pk).available


def test_last_seen_by_a_session_or_a_key(support: APIClient, ada: User) -> None:
    session_pairs.issue(ada)
    by_session = listed(support, search="ada@")[0]["last_seen"]
    key, _ = keys.create(user=ada, name="laptop")
    ApiKey.objects.filter(pk=key.pk).update(last_used_at="2100-01-01T00:00:00Z")
    assert by_session < listed(support, search="ada@")[0]["last_seen"] == "2100-01-01T00:00:00Z"


def test_users_are_filtered(support: APIClient, ada: User) -> None:
    pro, _ = Tier.objects.get_or_create(name="pro", defaults={"title": "Pro", "monthly_tokens": 1})
    Balance.objects.filter(user=ada).update(tier=pro)
    suspended = UserFactory.create(is_active=False)
    gone = UserFactory.create()
    deletion.delete(gone)

    assert [row["id"] for row in listed(support, plan="pro")] == [ada.pk]
    assert [row["id"] for row in listed(support, status="suspended")] == [suspended.pk]
    assert [row["id"] for row in listed(support, status="deleted")] == [gone.pk]
    assert ada.pk in [row["id"] for row in listed(support, status="active")]


def test_order_and_pages(support: APIClient) -> None:
    for letter in "cab":
        UserFactory.create(email=f"{letter}@order.example")
    answer = support.get(
        "/api/admin/users", {"search": "@order", "ordering": "-email", "page_size": "2"}
    ).json()
    assert [row["email"][0] for row in answer["results"]] == ["c", "b"]
    assert answer["count"] == 3
    assert "page=2" in answer["next"]


@pytest.mark.parametrize(
    "query",
    [
        {"ordering": "password"},
        {"status": "gone"},
        {"plan": "a b"},
        {"search": "a\0"},
        {"search": "x" * 201},
    ],
)
def test_invalid_queries_are_refused(support: APIClient, query: dict[str, str]) -> None:
    answer = support.get("/api/admin/users", query)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")


def test_no_more_queries_for_more_users(support: APIClient) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            listed(support, page_size=200)
        return len(captured)

    few = queries()
    for user in UserFactory.create_batch(20):
        ledger.open_account(user.pk)
    assert queries() <= few


@pytest.mark.parametrize(
    ("role", "status"),
    [
        ("user", 403),
        ("staff", 403),
        ("support", 200),
        ("finance", 200),
        ("admin", 200),
        ("root", 200),
    ],
)
def test_only_permitted_roles_list_users(as_role: As, role: str, status: int) -> None:
    assert as_role(role).get("/api/admin/users").status_code == status


def test_keys_and_strangers_may_not(db: None) -> None:
    root = UserFactory.create(is_staff=True, is_superuser=True)
    _, text = keys.create(user=root, name="root", scopes=["llm", "tokens:read", "tokens:write"])
    answer = APIClient().get("/api/admin/users", headers={"X-API-Key": text})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "permission_denied")
    assert APIClient().get("/api/admin/users").status_code == 401
