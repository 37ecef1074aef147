"""The operator can set which dialects a provider is asked natively."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from core.env import native_dialects
from llmproxy.providers import configured


def test_the_providers_table_applies_unless_the_operator_sets_it(settings: Settings) -> None:
    urls = {
        "openrouter": "https://openrouter.example/v1",
        "glama": "https://glama.example/v1",
        "mine": "http://127.0.0.1:1/v1",
        "openai": "https://api.openai.com/v1",
    }
    settings.UPSTREAMS = {name: (url, "key") for name, url in urls.items()}
    settings.NATIVE_DIALECTS = {"glama": frozenset(), "mine": frozenset(["messages"])}

    native = {name: set(provider.dialect.native) for name, provider in configured().items()}

    assert native == {
        "openrouter": {"messages", "responses"},
        "glama": set(),
        "mine": {"messages"},
        "openai": {"responses"},
    }


def test_a_name_that_is_no_dialect_stops_the_server() -> None:
    assert native_dialects([]) is None
    assert native_dialects([""]) is None
    assert native_dialects(["none"]) == frozenset()
    assert native_dialects(["messages", "responses"]) == frozenset(("messages", "responses"))
    with pytest.raises(ImproperlyConfigured, match="gemini"):
        native_dialects(["messages", "gemini"])
