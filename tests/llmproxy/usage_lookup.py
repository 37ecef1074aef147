"""The demo upstream in the role of providers that have a usage lookup."""

from decimal import Decimal

from llmproxy.models import Route
from tests.fakes.upstream_process import UpstreamProcess

PROVIDERS = ("openrouter", "glama")


def environment(upstream: UpstreamProcess) -> dict[str, str]:
    """Set the demo upstream up as each of the providers."""
    return {
        f"{name.upper()}_{key}": value
        for name in PROVIDERS
        for key, value in (("BASE_URL", upstream.url), ("API_KEY", "demo"))
    }


def served_by(provider: str) -> None:
    price = {"price_prompt": Decimal("0.001"), "price_completion": Decimal("0.01")}
    Route.objects.update(provider=provider, price_cached=Decimal("0.0001"), **price)
