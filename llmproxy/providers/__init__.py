"""The providers, behind one table. A new one is a file with its dialect, and a line here."""

from django.conf import settings

from llmproxy.providers import glama, openrouter, requesty
from llmproxy.providers.base import Dialect, Listing, Provider

__all__ = ["DIALECTS", "Dialect", "Listing", "Provider", "configured"]

# By the name in settings.UPSTREAMS; any other is a plain OpenAI-compatible server.
DIALECTS: dict[str, Dialect] = {
    "openrouter": openrouter.DIALECT,
    "glama": glama.DIALECT,
    "requesty": requesty.DIALECT,
}


def configured() -> dict[str, Provider]:
    """Return the providers that the operator has set up, by name, in order of preference."""
    return {
        name: Provider(name, base_url.rstrip("/"), api_key, DIALECTS.get(name, Dialect()))
        for name, (base_url, api_key) in settings.UPSTREAMS.items()
    }
