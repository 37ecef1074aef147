from typing import Any

import pytest
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from accounts.models import User
from accounts.sessions import session_pairs
from apikeys import keys
from apikeys.models import Scope


class Closed(APIView):
    def get(self, request: Request) -> Response:
        return Response()


class Models(Closed):
    key_scope = Scope.LLM


class Tokens(Closed):
    key_scopes = {"GET": Scope.TOKENS_READ, "POST": Scope.TOKENS_WRITE}

    def post(self, request: Request) -> Response:
        return Response()

    def delete(self, request: Request) -> Response:
        return Response()


def ask(view: type[APIView], credential: str, method: str = "get") -> Any:
    make = getattr(APIRequestFactory(), method)
    return view.as_view()(make("/", headers={"Authorization": f"Bearer {credential}"}))


def refusal(response: Any) -> tuple[int, str, str | None]:
    error = response.data["error"]
    return response.status_code, error["code"], error["required"]


def test_the_llm_scope_allows_the_model_list(user: User) -> None:
    _, text = keys.create(user=user, name="", scopes=[Scope.LLM])
    assert ask(Models, text).status_code == 200


def test_a_scope_that_is_lacking(user: User) -> None:
    _, text = keys.create(user=user, name="", scopes=[Scope.TOKENS_READ, Scope.TOKENS_WRITE])
    assert refusal(ask(Models, text)) == (403, "key_scope", "llm")


def test_scopes_by_method(user: User) -> None:
    _, text = keys.create(user=user, name="", scopes=[Scope.TOKENS_READ])
    assert ask(Tokens, text).status_code == 200
    assert ask(Tokens, text, "head").status_code == 200
    assert refusal(ask(Tokens, text, "post")) == (403, "key_scope", "tokens:write")
    assert refusal(ask(Tokens, text, "delete")) == (403, "key_scope", None)


def test_a_view_without_a_scope_is_closed_to_keys(user: User) -> None:
    _, text = keys.create(user=user, name="", scopes=Scope.values)
    assert refusal(ask(Closed, text)) == (403, "key_scope", None)


@pytest.mark.parametrize("view", [Closed, Models, Tokens])
def test_sessions_may_do_all(user: User, view: type[APIView]) -> None:
    assert ask(view, session_pairs.issue(user).access).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/api/users/profile"),
        ("patch", "/api/users/profile"),
        ("get", "/api/users/sessions"),
        ("post", "/api/auth/logout"),
        ("get", "/api/api-keys"),
        ("post", "/api/api-keys"),
        ("get", "/api/api-keys/{key.pk}"),
        ("patch", "/api/api-keys/{key.pk}"),
        ("delete", "/api/api-keys/{key.pk}"),
        ("post", "/api/api-keys/{key.pk}/rotate"),
    ],
)
def test_a_key_can_manage_neither_keys_nor_the_account(
    api: Any, user: User, method: str, path: str
) -> None:
    key, text = keys.create(user=user, name="", scopes=Scope.values)
    api.credentials(HTTP_X_API_KEY=text)
    response = getattr(api, method)(path.format(key=key), {}, format="json")
    assert (response.status_code, response.json()["error"]["code"]) == (403, "key_scope")
