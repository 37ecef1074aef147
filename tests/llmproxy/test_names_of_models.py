"""Models are found by the names that clients use: without the vendor, dated, or with dashes."""

import pytest

from llmproxy.catalog import names
from tests.developer import MODEL, Make

KNOWN = ["anthropic/claude-sonnet-4.5", "openai/gpt-5", "openai/gpt-5-mini", "meta/llama-3-8b"]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("claude-sonnet-4.5", "anthropic/claude-sonnet-4.5"),
        ("claude-sonnet-4-5", "anthropic/claude-sonnet-4.5"),
        ("claude-sonnet-4-5-20250929", "anthropic/claude-sonnet-4.5"),
        ("claude-sonnet-4-5-latest", "anthropic/claude-sonnet-4.5"),
        ("anthropic/claude-sonnet-4-5", "anthropic/claude-sonnet-4.5"),
        ("gpt-5-mini-2025-08-07", "openai/gpt-5-mini"),
        ("GPT-5", "openai/gpt-5"),
        ("gpt-6", None),
        ("", None),
    ],
)
def test_a_short_form_is_of_one_model(asked: str, found: str | None) -> None:
    forms = names.short_forms(KNOWN, {})

    assert forms.get(names.short_form(asked)) == found


def test_a_short_form_of_two_models_is_of_neither() -> None:
    assert names.short_forms(["a/model-1", "b/model-1"], {}) == {}


def test_a_name_without_a_date_wins_over_one_with() -> None:
    forms = names.short_forms(["a/model-20250101", "a/model"], {})

    assert forms == {"model": "a/model"}


def test_the_proxy_serves_a_short_name_and_charges_the_model(developer: Make) -> None:
    body = {"model": MODEL.partition("/")[2], "messages": [{"role": "user", "content": "Hello"}]}
    dev = developer()

    assert dev.http.post("/v1/chat/completions", json=body).status_code == 200
    assert dev.http.get(f"/v1/models/{body['model']}").json()["id"] == MODEL


def test_an_unknown_model_names_those_that_look_like_it(developer: Make) -> None:
    body = {"model": MODEL + "x", "messages": [{"role": "user", "content": "Hello"}]}

    error = developer().http.post("/v1/chat/completions", json=body).json()["error"]

    assert (error["code"], error["nearest"]) == ("model_not_found", [MODEL])
    assert MODEL in error["message"]
