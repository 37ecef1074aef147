"""What the proxy does not read reaches the provider as it was sent."""

import json

import pytest
from pytest_django import Settings

from core.errors import InvalidRequest
from llmproxy.protocol import calls
from llmproxy.providers import DIALECTS, Dialect, configured

HELLO = '"messages":[{"role":"user","content":"hé 🎉"}]'


def sent(fields: str) -> bytes:
    call = calls.parse(calls.CHAT, f'{{"model":"a",{HELLO},{fields}}}'.encode())
    return calls.for_upstream(call, model="b", max_output=7)


def test_unknown_fields_reach_the_provider_unchanged() -> None:
    body = json.loads(sent('"x_new":{"deep":[1,null,1.5,"é"]},"temperature":0.1'))

    assert body["x_new"] == {"deep": [1, None, 1.5, "é"]}
    assert (body["model"], body["max_tokens"], body["temperature"]) == ("b", 7, 0.1)
    assert body["messages"][0]["content"] == "hé 🎉"


@pytest.mark.parametrize("provider", ["openrouter", "glama", "requesty"])
def test_what_makes_caches_hit_reaches_the_provider(provider: str) -> None:
    marked = [{"type": "text", "text": "long", "cache_control": {"type": "ephemeral"}}]
    fields = {
        "prompt_cache_key": "thread-7",
        "cache_control": {"type": "ephemeral", "ttl": "1h"},
        "provider": {"require_parameters": True, "data_collection": "deny"},
        "system": marked,
    }

    body = json.loads(sent(json.dumps(fields)[1:-1]))

    assert {name: body[name] for name in fields} == fields
    assert DIALECTS[provider].refused_field(body) is None


def test_openai_is_given_the_limit_that_all_its_models_take(settings: Settings) -> None:
    settings.UPSTREAMS = {
        "mine": ("https://api.openai.com/v1", "sk"),
        "other": ("https://llm.example/v1", "sk"),
    }
    limits = {name: provider.dialect.limit for name, provider in configured().items()}
    assert limits == {"mine": "max_completion_tokens", "other": "max_tokens"}

    call = calls.parse(calls.CHAT, f'{{"model":"a",{HELLO}}}'.encode())
    body = json.loads(calls.for_upstream(call, model="b", max_output=7, limit=limits["mine"]))
    assert body["max_completion_tokens"] == 7
    assert "max_tokens" not in body


@pytest.mark.parametrize("number", [2**63, 2**64 - 1, 2**64, -(2**63) - 1, 10**40])
def test_a_whole_number_of_any_size(number: int) -> None:
    body = json.loads(sent(f'"seed":{number}'))

    assert body["seed"] == number
    assert body["messages"][0]["content"] == "hé 🎉"


def test_a_number_that_nobody_could_mean() -> None:
    with pytest.raises(InvalidRequest):
        sent(f'"seed":{"9" * 5000}')


FUNCTION = {"type": "function", "function": {"name": "f"}}


@pytest.mark.parametrize(
    ("field", "value", "by_all"),
    [
        ("service_tier", "priority", True),
        ("web_search_options", {}, True),
        ("plugins", [{"id": "web"}], False),
        ("models", ["dear/model"], False),
        ("route", "fallback", False),
        ("preset", "mine", False),
        ("provider", {"sort": "throughput"}, False),
        ("provider", {"zdr": True, "only": ["dear"]}, False),
        ("provider", "dear", False),
        ("tools", [FUNCTION, {"type": "openrouter:web_search"}], False),
    ],
)
def test_what_would_cost_more_than_tokens_is_refused(
    field: str, value: object, by_all: bool
) -> None:
    assert DIALECTS["openrouter"].refused_field({field: value}) == field
    assert Dialect().refused_field({field: value}) == (field if by_all else None)


@pytest.mark.parametrize(
    "fields",
    [
        {"service_tier": "auto"},
        {"service_tier": None, "plugins": None},
        {"tools": [FUNCTION, {"type": "custom"}]},
        {"tools": "odd"},
        {"provider": {"data_collection": "deny", "zdr": True}},
        {"usage": {"include": True}, "transforms": ["middle-out"], "user": "u"},
    ],
)
def test_what_costs_nothing_more_is_not(fields: dict[str, object]) -> None:
    assert DIALECTS["openrouter"].refused_field(fields) is None
