"""GET, POST, PUT, PATCH and DELETE /api/api-keys."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from apikeys import auth, keys, secrets
from apikeys.errors import InvalidApiKey
from apikeys.models import ApiKey
from tests.factories import UserFactory
from tests.tokens.usage import used

SHOWN = {
    "id",
    "name",
    "prefix",
    "scopes",
    "allowed_ips",
    "requests_per_minute",
    "monthly_token_budget",
    "session_budget",
    "task_budget",
    "created_at",
    "expires_at",
    "last_used_at",
    "usage",
}


def create(api: APIClient, **fields: Any) -> Any:
    return api.post("/api/api-keys", {"name": "laptop", **fields}, format="json")


def test_a_created_key_is_shown_once_and_listed_without_its_secret(
    signed_in: APIClient, user: User
) -> None:
    response = create(signed_in)

    assert response.status_code == 201
    assert response.headers["Cache-Control"] == "no-store"
    made = response.json()
    assert set(made) == SHOWN | {"key"}
    assert made["key"].startswith(made["prefix"])
    assert made["scopes"] == ["llm", "tokens:read"]
    assert auth.verify(made["key"]).user == user

    made.pop("key")
    (listed,) = signed_in.get("/api/api-keys").json()
    assert {**listed, "last_used_at": None} == made
    assert signed_in.get(f"/api/api-keys/{made['id']}").json() == listed


def test_usage_of_this_month(signed_in: APIClient, user: User, key: ApiKey) -> None:
    now = timezone.now()
    for at, charged in ((now, 30), (now, 12), (now - timedelta(days=40), 1000)):
        used(user, at=at, api_key=key.pk, charged=charged)
    used(user, at=now, charged=500)

    (listed,) = signed_in.get("/api/api-keys").json()
    assert listed["usage"] == {"requests": 2, "tokens": 42}
    assert signed_in.get(f"/api/api-keys/{key.pk}").json() == listed
    rotated = signed_in.post(f"/api/api-keys/{key.pk}/rotate", {}, format="json").json()
    assert rotated["usage"] == listed["usage"]


def test_scopes_and_expiry_as_asked(signed_in: APIClient) -> None:
    expiry = timezone.now() + timedelta(days=7)
    made = create(signed_in, scopes=["tokens:read", "llm", "llm"], expires_at=expiry).json()
    key = ApiKey.objects.get(pk=made["id"])
    assert (key.scopes, key.expires_at) == (["llm", "tokens:read"], expiry)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", None),
        ("name", "x" * 101),
        ("name", "a\0"),
        ("scopes", []),
        ("scopes", None),
        ("scopes", "llm"),
        ("scopes", ["root"]),
        ("scopes", [["llm"]]),
        ("scopes", [None]),
        ("expires_at", "2020-01-01T00:00:00Z"),
        ("expires_at", "soon"),
        ("expires_at", 10**30),
        ("allowed_ips", ["everywhere"]),
        ("allowed_ips", "10.0.0.1"),
        ("allowed_ips", [10**30]),
        ("requests_per_minute", 0),
        ("requests_per_minute", 10**30),
        ("monthly_token_budget", 0),
        ("session_budget", 0),
        ("task_budget", 0),
        ("monthly_token_budget", "many"),
    ],
)
@pytest.mark.parametrize("method", ["post", "put", "patch"])
def test_invalid_fields_are_refused(
    signed_in: APIClient, key: ApiKey, field: str, value: Any, method: str
) -> None:
    path = "/api/api-keys" if method == "post" else f"/api/api-keys/{key.pk}"
    body = {"name": "fit", field: value}
    response = getattr(signed_in, method)(path, body, format="json")
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (400, "invalid_request")
    assert error["param"].startswith(field)
    assert ApiKey.objects.count() == 1


def test_patch_changes_what_is_given(signed_in: APIClient, key: ApiKey, text: str) -> None:
    response = signed_in.patch(f"/api/api-keys/{key.pk}", {"scopes": ["llm"]}, format="json")
    assert response.status_code == 200
    assert (response.json()["name"], response.json()["scopes"]) == ("laptop", ["llm"])
    assert auth.verify(text).scopes == ["llm"]
    assert signed_in.patch(f"/api/api-keys/{key.pk}", {}, format="json").status_code == 200


def test_put_replaces_all(signed_in: APIClient, key: ApiKey) -> None:
    ApiKey.objects.update(scopes=["llm"], expires_at=timezone.now() + timedelta(days=1))
    response = signed_in.put(f"/api/api-keys/{key.pk}", {"name": "desk"}, format="json")
    assert response.status_code == 200
    after = ApiKey.objects.get()
    assert (after.name, after.scopes, after.expires_at) == ("desk", ["llm", "tokens:read"], None)


def test_what_cannot_be_changed(signed_in: APIClient, key: ApiKey, text: str) -> None:
    changes = {"id": 1, "prefix": "x", "digest": "x", "user": 1, "revoked_at": None}
    signed_in.patch(f"/api/api-keys/{key.pk}", changes, format="json")
    assert auth.verify(text) == key


def test_delete_revokes_at_once_and_keeps_the_row(
    signed_in: APIClient, key: ApiKey, text: str
) -> None:
    assert signed_in.delete(f"/api/api-keys/{key.pk}").status_code == 204
    with pytest.raises(InvalidApiKey):
        auth.verify(text)
    assert signed_in.get("/api/api-keys").json() == []
    assert signed_in.delete(f"/api/api-keys/{key.pk}").status_code == 404
    assert ApiKey.objects.get().revoked_at is not None


def test_a_change_does_not_revive_a_revoked_key(key: ApiKey) -> None:
    read_before = ApiKey.objects.get()
    keys.revoke(key)
    with pytest.raises(Exception, match="was not found"):
        keys.change(read_before, name="x")
    assert ApiKey.objects.get().revoked_at is not None


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_another_users_key_is_not_found(signed_in: APIClient, method: str) -> None:
    theirs, text = keys.create(user=UserFactory.create(), name="theirs")
    response = getattr(signed_in, method)(
        f"/api/api-keys/{theirs.pk}", {"name": "x"}, format="json"
    )
    assert (response.status_code, response.json()["error"]["code"]) == (404, "not_found")
    assert signed_in.post(f"/api/api-keys/{theirs.pk}/rotate").status_code == 404
    assert signed_in.get("/api/api-keys").json() == []
    assert auth.verify(text).name == "theirs"


def test_anonymous_callers_are_refused(api: APIClient, db: None) -> None:
    response = api.get("/api/api-keys")
    assert (response.status_code, response.json()["error"]["code"]) == (401, "not_authenticated")


def test_no_key_is_ever_listed(signed_in: APIClient, key: ApiKey, text: str) -> None:
    answers = signed_in.get("/api/api-keys").content.decode()
    answers += signed_in.get(f"/api/api-keys/{key.pk}").content.decode()
    assert text not in answers
    assert secrets.digest(text) not in answers
