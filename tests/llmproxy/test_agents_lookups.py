"""What agents look up about key, balance and requests has OpenRouter's shapes and our figures."""

import httpx
import pytest

from apikeys.models import ApiKey
from tests.developer import MODEL, Make
from tokens import ledger
from tokens.models import UsageRecord

CHAT = {"model": MODEL, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 5}


def test_the_key_endpoint_says_what_the_key_has_left(developer: Make) -> None:
    dev = developer(100_000)
    ApiKey.objects.update(monthly_token_budget=50_000)
    charged = _ask(dev.http)

    found = dev.http.get("/api/llm/key").json()["data"]

    assert (found["label"], found["usage"], found["limit"]) == ("test", charged, 50_000)
    assert found["limit_remaining"] == 50_000 - charged
    assert found["rate_limit"]["interval"] == "60s"


def test_credits_are_the_tokens_of_the_period(developer: Make) -> None:
    dev = developer(100_000)
    _ask(dev.http)

    found = dev.http.get("/api/llm/credits").json()["data"]

    balance = ledger.open_account(dev.user_id)
    assert found == {
        "total_credits": balance.allocated + balance.bonus,
        "total_usage": balance.used,
    }


@pytest.mark.parametrize("kind", ["request", "answer"])
def test_a_generation_is_found_by_our_id_and_by_the_answers_own(developer: Make, kind: str) -> None:
    dev = developer()
    answer = dev.http.post("/api/llm/chat/completions", json=CHAT)
    usage = answer.json()["usage"]
    name = answer.headers["x-request-id"] if kind == "request" else _upstream_id(dev.user_id)

    found = dev.http.get("/api/llm/generation", params={"id": name}).json()["data"]

    assert (found["model"], found["is_final"]) == (MODEL, True)
    assert found["tokens_prompt"] == usage["prompt_tokens"]
    assert found["tokens_completion"] == usage["completion_tokens"]


def test_nobody_finds_the_generation_of_somebody_else(developer: Make) -> None:
    answer = developer().http.post("/api/llm/chat/completions", json=CHAT)

    found = developer().http.get(
        "/api/llm/generation", params={"id": answer.headers["x-request-id"]}
    )

    assert found.status_code == 404


def test_a_generation_without_an_id_is_400(developer: Make) -> None:
    answer = developer().http.get("/api/llm/generation")

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "id")


def _ask(http: httpx.Client) -> int:
    answer = http.post("/api/llm/chat/completions", json=CHAT)
    total: int = answer.json()["usage"]["total_tokens"]
    return total


def _upstream_id(user_id: int) -> str:
    return str(UsageRecord.objects.get(user_id=user_id).upstream_id)
