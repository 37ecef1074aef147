"""What every provider has in common: the OpenAI-compatible dialect that others vary."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any

Entry = dict[str, Any]


@dataclass(frozen=True)
class Listing:
    """One model as a provider lists it; prices in USD per token."""

    name: str
    title: str = ""
    kind: str = "chat"
    context_length: int | None = None
    max_output_tokens: int | None = None
    price_prompt: Decimal | None = None
    price_completion: Decimal | None = None


def price(value: Any) -> Decimal | None:
    """Read a price (a number or a string); None unless it is finite and not negative."""
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and 0 <= amount < 1 else None


def size(value: Any) -> int | None:
    """Read a positive whole number; None for anything else."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 0 < value < 2**31 else None


def kind(entry: Entry) -> str:
    """Tell embedding models from chat models."""
    architecture = entry.get("architecture")
    modalities = architecture.get("output_modalities") if isinstance(architecture, dict) else None
    embeds = "embeddings" in (modalities or []) or "embed" in str(entry.get("id")).lower()
    return "embedding" if embeds else "chat"


def listing(entry: Entry) -> Listing:
    """Read an entry of `/models`: OpenAI's fields, with OpenRouter's where they are given."""
    pricing, top, meta = (_part(entry, key) for key in ("pricing", "top_provider", "meta"))
    return Listing(
        name=str(entry["id"]),
        title=str(entry.get("name") or ""),
        kind=kind(entry),
        context_length=size(entry.get("context_length")) or size(meta.get("n_ctx")),
        max_output_tokens=size(top.get("max_completion_tokens")),
        price_prompt=price(pricing.get("prompt")),
        price_completion=price(pricing.get("completion")),
    )


def _part(entry: Entry, key: str) -> Entry:
    value = entry.get(key)
    return value if isinstance(value, dict) else {}


@dataclass(frozen=True)
class Dialect:
    """Where a provider differs from plain OpenAI."""

    headers: Mapping[str, str] = field(default_factory=dict)
    listing: Callable[[Entry], Listing] = listing
    id_header: str = "x-request-id"
    embeddings: bool = True


@dataclass(frozen=True)
class Provider:
    name: str
    base_url: str
    api_key: str
    dialect: Dialect

    @cached_property
    def headers(self) -> dict[str, str]:
        """Return what every request to this provider carries."""
        credentials = {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}
        return {**self.dialect.headers, **credentials}
