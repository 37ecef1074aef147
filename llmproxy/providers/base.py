"""The OpenAI-compatible dialect, which is the base for every provider."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any
from urllib.parse import quote

from llmproxy.protocol import hosted_tools, reports
from llmproxy.protocol.dialects import PLAIN, Target
from llmproxy.protocol.usage import Usage
from llmproxy.providers.capabilities import UNKNOWN, Capabilities, of_openrouter

Entry = dict[str, Any]

_LEAST = Decimal("1e-12")


@dataclass(frozen=True)
class Listing:
    """One model in a provider's list; prices in USD per token."""

    name: str
    title: str = ""
    kind: str = "chat"
    context_length: int | None = None
    max_output_tokens: int | None = None
    price_prompt: Decimal | None = None
    price_completion: Decimal | None = None
    price_cached: Decimal | None = None
    price_cache_write: Decimal | None = None
    price_request: Decimal | None = None
    capabilities: Capabilities = UNKNOWN


def price(value: Any) -> Decimal | None:
    """Read a price (a number or a string); None unless it is finite and not negative."""
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    # The catalog stores twelve decimal places.
    return amount.quantize(_LEAST) if amount.is_finite() and 0 <= amount < 1 else None


def printable(value: Any) -> str:
    """Read a short text, without characters that cannot be stored."""
    if not isinstance(value, str):
        return ""
    return (value if value.isprintable() else "".join(filter(str.isprintable, value)))[:200]


def size(value: Any) -> int | None:
    """Read a positive whole number; None for anything else."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 0 < value < 2**31 else None


def kind(entry: Entry) -> str:
    """Distinguish embedding models from chat models."""
    architecture = entry.get("architecture")
    modalities = architecture.get("output_modalities") if isinstance(architecture, dict) else None
    listed = modalities if isinstance(modalities, list) else []
    embeds = "embeddings" in listed or "embed" in str(entry.get("id")).lower()
    return "embedding" if embeds else "chat"


def listing(entry: Entry) -> Listing:
    """Read an entry of `/models`: OpenAI's fields, and OpenRouter's if they are present."""
    pricing, top, meta = (part(entry, key) for key in ("pricing", "top_provider", "meta"))
    return Listing(
        name=str(entry["id"]),
        title=printable(entry.get("name")),
        kind=kind(entry),
        context_length=size(entry.get("context_length")) or size(meta.get("n_ctx")),
        max_output_tokens=size(top.get("max_completion_tokens")),
        price_prompt=price(pricing.get("prompt")),
        price_completion=price(pricing.get("completion")),
        price_cached=price(pricing.get("input_cache_read")),
        price_cache_write=price(pricing.get("input_cache_write")),
        price_request=price(pricing.get("request")),
        capabilities=of_openrouter(entry),
    )


def part(entry: Entry, key: str) -> Entry:
    """Return an object within an object, or an empty one if it is missing."""
    value = entry.get(key)
    return value if isinstance(value, dict) else {}


@dataclass(frozen=True)
class UsageLookup:
    """A provider's endpoint that reports the usage of a request afterwards.

    ``read`` returns None while the final usage is not available.
    """

    path: str
    read: Callable[[Entry], Usage | None]

    def path_of(self, upstream_id: str) -> str:
        """Return the path, with its query, for one request."""
        return self.path + quote(upstream_id, safe="")


def usage_told(figures: Entry) -> Usage | None:
    """Build the usage from the figures of a usage lookup; None unless they are complete."""
    report = reports.read(figures)
    if report is None or report.prompt is None or report.completion is None:
        return None
    return reports.usage_of(report, prompt=0, completion=0)


Refusal = Callable[[Any], bool]


def always(value: Any) -> bool:
    """Refuse a field with any value."""
    return True


def costs_more(service_tier: Any) -> bool:
    """Refuse priority tiers: https://platform.openai.com/docs/guides/priority-processing."""
    return service_tier not in ("auto", "default", "flex")


def is_served(tools: Any) -> bool:
    """Refuse tools that the provider runs and bills by the call."""
    entries = tools if isinstance(tools, list) else []
    kinds = [entry.get("type") for entry in entries if isinstance(entry, dict)]
    return any(kind not in (None, "function", "custom") for kind in kinds)


# Fields with which a client could cause costs for the operator beyond the metered tokens.
COSTLY: Mapping[str, Refusal] = {
    "service_tier": costs_more,
    "web_search_options": always,
}


def only(*values: Any) -> Refusal:
    """Refuse a field with any other value."""
    return lambda value: value not in values


# The same for the other dialects that some providers support.
NATIVE_COSTLY: Mapping[str, Mapping[str, Refusal]] = {
    "messages": {
        "service_tier": only("auto", "standard_only"),
        "speed": only("standard"),
        "inference_geo": only("global"),
        "container": always,
        "mcp_servers": always,
        "fallbacks": always,
        "tools": lambda tools: not hosted_tools.are_of_client(tools, "messages"),
    },
    "responses": {
        "tools": lambda tools: not hosted_tools.are_of_client(tools, "responses"),
    },
}


@dataclass(frozen=True)
class Dialect:
    """The differences of a provider from most OpenAI-compatible servers.

    ``limit`` is the field for our output limit in chat requests without one of their own.
    ``cost_in_usd``: the costs that it reports are in USD; other providers use credits.
    ``native`` names the dialects that it supports besides chat completions. Requests in other
    dialects are translated for ``target``.
    """

    headers: Mapping[str, str] = field(default_factory=dict)
    listing: Callable[[Entry], Listing] = listing
    id_header: str = "x-request-id"
    limit: str = "max_tokens"
    embeddings: bool = True
    usage_lookup: UsageLookup | None = None
    cost_in_usd: bool = False
    costly: Mapping[str, Refusal] = field(default_factory=lambda: COSTLY)
    native: frozenset[str] = frozenset()
    target: Target = PLAIN

    def refused_field(self, body: Entry, dialect: str = "chat") -> str | None:
        """Return the first field of a request that must not be sent to this provider."""
        costly = {**self.costly, **NATIVE_COSTLY[dialect]} if dialect != "chat" else self.costly
        for name, refuses in costly.items():
            if body.get(name) is not None and refuses(body[name]):
                return name
        return None


@dataclass(frozen=True)
class Provider:
    name: str
    base_url: str
    api_key: str
    dialect: Dialect

    @cached_property
    def headers(self) -> dict[str, str]:
        """Return the headers of every request to this provider."""
        credentials = {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}
        return {**self.dialect.headers, **credentials}
