from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from accounts.flows import deletion
from accounts.models import User
from accounts.sessions import session_pairs
from apikeys import auth, keys, secrets
from apikeys.errors import InvalidApiKey
from apikeys.models import ApiKey, Scope
from core.errors import NotAuthenticated


class WhoAmI(APIView):
    key_scope = Scope.LLM

    def get(self, request: Request) -> Response:
        return Response({"user": request.user.pk, "by": type(request.auth).__name__})


def ask(**headers: str) -> Any:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return WhoAmI.as_view()(APIRequestFactory().get("/", headers=names))


def code(response: Any) -> tuple[int, str]:
    return response.status_code, response.data["error"]["code"]


def test_a_key_is_accepted_in_either_header(user: User, text: str) -> None:
    expected = {"user": user.pk, "by": "ApiKey"}
    assert ask(Authorization=f"Bearer {text}").data == expected
    assert ask(X_API_Key=text).data == expected


def test_sessions_come_in_by_the_same_header(user: User) -> None:
    access = session_pairs.issue(user).access
    assert ask(Authorization=f"Bearer {access}").data == {"user": user.pk, "by": "Caller"}


def test_a_request_without_credentials_is_refused(db: None) -> None:
    response = ask()
    assert code(response) == (401, "not_authenticated")
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "text",
    [
        "tgk_",
        secrets.derived_key("of nobody"),
        secrets.derived_key("of nobody")[:-1] + "!",
        "tgk_" + "é" * 46,
        "tgk_" + "a" * 100_000,
    ],
)
def test_unknown_and_malformed_keys(db: None, text: str) -> None:
    assert code(ask(Authorization=f"Bearer {text}")) == (401, "invalid_api_key")
    assert code(ask(X_API_Key=text)) == (401, "invalid_api_key")


def test_a_session_token_is_no_key(user: User) -> None:
    assert code(ask(X_API_Key=session_pairs.issue(user).access)) == (401, "invalid_api_key")


def test_the_key_header_wins(user: User, text: str) -> None:
    access = session_pairs.issue(user).access
    response = ask(X_API_Key=text, Authorization=f"Bearer {access}")
    assert response.data["by"] == "ApiKey"


@pytest.mark.django_db
def test_a_malformed_key_costs_no_query(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0), pytest.raises(InvalidApiKey):
        auth.verify("tgk_" + "a" * 46)


def test_one_query_does(text: str, django_assert_num_queries: Any) -> None:
    auth.verify(text)
    with django_assert_num_queries(1):
        assert auth.verify(text).user.is_active


def test_a_revoked_key_is_refused(key: ApiKey, text: str) -> None:
    keys.revoke(key)
    assert code(ask(X_API_Key=text)) == (401, "invalid_api_key")


def test_an_expired_key_is_refused(key: ApiKey, text: str) -> None:
    ApiKey.objects.update(expires_at=timezone.now() + timedelta(hours=1))
    assert ask(X_API_Key=text).status_code == 200
    ApiKey.objects.update(expires_at=timezone.now())
    assert code(ask(X_API_Key=text)) == (401, "invalid_api_key")


def test_suspended_and_deleted_owner(user: User, text: str) -> None:
    User.objects.update(is_active=False)
    assert code(ask(X_API_Key=text)) == (401, "invalid_api_key")
    deletion.delete(user)
    assert code(ask(X_API_Key=text)) == (401, "invalid_api_key")


def test_use_is_noted_once_a_minute(text: str) -> None:
    def last_used() -> Any:
        return ApiKey.objects.get().last_used_at

    assert last_used() is None
    auth.verify(text)
    first = last_used()
    assert first is not None
    auth.verify(text)
    assert last_used() == first
    ApiKey.objects.update(last_used_at=first - timedelta(seconds=61))
    auth.verify(text)
    assert last_used() >= first


def test_only_a_digest_is_stored(key: ApiKey, text: str) -> None:
    row = ApiKey.objects.values().get()
    assert text not in str(row)
    assert row["digest"] == secrets.digest(text)
    assert text.startswith(row["prefix"])
    assert len(row["prefix"]) == secrets.SHOWN


@pytest.mark.parametrize("header", ["Basic dTpw", "Bearer", "Token x"])
def test_headers_of_another_form(db: None, header: str) -> None:
    with pytest.raises(NotAuthenticated):
        auth.credential({"Authorization": header})
    assert code(ask(Authorization=header)) == (401, "invalid_token")
