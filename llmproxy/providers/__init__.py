"""The table of providers. A new provider needs a module with its dialect, and a line here."""

from dataclasses import replace
from urllib.parse import urlsplit

from django.conf import settings

from llmproxy.providers import glama, openai, openrouter, requesty
from llmproxy.providers.base import Dialect, Listing, Provider

__all__ = ["DIALECTS", "Dialect", "Listing", "Provider", "configured"]

# By the name in settings.UPSTREAMS. Any other name is OpenAI or a compatible server.
DIALECTS: dict[str, Dialect] = {
    "openrouter": openrouter.DIALECT,
    "glama": glama.DIALECT,
    "requesty": requesty.DIALECT,
}


def configured() -> dict[str, Provider]:
    """Return the configured providers by name, in order of preference."""
    return {
        name: Provider(name, base_url.rstrip("/"), api_key, _dialect(name, base_url))
        for name, (base_url, api_key) in settings.UPSTREAMS.items()
    }


def _dialect(name: str, base_url: str) -> Dialect:
    is_openai = urlsplit(base_url).hostname == openai.HOST
    dialect = DIALECTS.get(name) or (openai.DIALECT if is_openai else Dialect())
    native = settings.NATIVE_DIALECTS.get(name)
    return dialect if native is None else replace(dialect, native=native)
