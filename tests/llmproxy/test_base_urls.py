"""The proxy answers under four base URLs, with and without a slash; all else is a JSON 404."""

import httpx
import pytest

from llmproxy.urls import BASES
from tests.developer import MODEL, Make

CHAT = {"model": MODEL, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 5}


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("base", BASES)
def test_chat_and_models_answer_under_each_base_url(developer: Make, base: str, slash: str) -> None:
    http = developer().http

    asked = http.post(f"/{base}/chat/completions{slash}", json=CHAT)
    listed = http.get(f"/{base}/models{slash}")
    one = http.get(f"/{base}/models/{MODEL}{slash}")

    assert [asked.status_code, listed.status_code, one.status_code] == [200, 200, 200]
    assert one.json() in listed.json()["data"]


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_unknown_path_is_a_json_404_that_names_what_exists(
    developer: Make, base: str, method: str
) -> None:
    answer = developer().http.request(method, f"/{base}/chat/complétions/x")

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/json"
    error = answer.json()["error"]
    assert error["code"] == "not_found"
    assert "POST /v1/chat/completions" in error["message"]


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("base", BASES)
def test_head_of_a_base_url_is_200_without_a_body(developer: Make, base: str, slash: str) -> None:
    answer = developer().http.head(f"/{base}{slash}")

    assert (answer.status_code, answer.content) == (200, b"")


def test_a_wrong_method_names_the_right_one(developer: Make) -> None:
    answer = developer().http.get("/v1/chat/completions")

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert "POST" in answer.json()["error"]["message"]


@pytest.mark.parametrize("header", ["x-api-key", "api-key", "x-goog-api-key"])
def test_a_key_may_come_in_the_header_of_any_sdk(developer: Make, header: str) -> None:
    dev = developer()

    answer = httpx.get(f"{dev.http.base_url}/v1/models", headers={header: dev.key}, trust_env=False)

    assert answer.status_code == 200


@pytest.mark.parametrize("key", ["sk-ant-api03-abc", "sk-or-v1-abc", "garbage"])
def test_a_key_of_another_vendor_is_told_what_ours_look_like(developer: Make, key: str) -> None:
    base = developer().http.base_url

    answer = httpx.get(
        f"{base}/v1/models", headers={"Authorization": f"Bearer {key}"}, trust_env=False
    )

    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (401, "invalid_api_key")
    assert "tgk_" in error["message"]


def test_a_session_is_taken_from_a_key_header_too(developer: Make) -> None:
    """Claude Code sends whatever it is given as `x-api-key`."""
    base = developer().http.base_url
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"

    answer = httpx.get(f"{base}/v1/models", headers={"x-api-key": token}, trust_env=False)

    assert answer.json()["error"]["code"] == "invalid_token"
