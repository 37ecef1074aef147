"""Glama: https://glama.ai/gateway. It has no embeddings, and lists prices for some models only.

The usage lookup takes the id in `x-request-id`; costs are strings.
"""

import json
import re
from dataclasses import replace
from pathlib import Path

from llmproxy.protocol.usage import Usage
from llmproxy.providers import base
from llmproxy.providers.base import Dialect, Entry, Listing, UsageLookup, part
from llmproxy.providers.capabilities import of_glama


def completion_request(answer: Entry) -> Usage | None:
    """Read the answer of `GET /completion-requests/{id}`; `tokenUsage` is null at first."""
    counts = part(answer, "tokenUsage")
    return base.usage_told(
        {
            "prompt_tokens": counts.get("promptTokens"),
            "completion_tokens": counts.get("completionTokens"),
            "cache_read_input_tokens": counts.get("cacheReadInputTokens"),
            "cache_creation_input_tokens": counts.get("cacheCreationInputTokens"),
            "cost": answer.get("totalCostUsd"),
        }
    )


def listing(entry: Entry) -> Listing:
    """Read an entry of Glama's `/models`. Missing prices are taken from our table."""
    read = base.listing(entry)
    if entry.get("capabilities"):
        read = replace(read, capabilities=of_glama(entry))
    known = _PRICES.get(_plain(read.name))
    if known is None or read.price_prompt is not None:
        return read
    return replace(
        read,
        price_prompt=base.price(known["prompt"]),
        price_completion=base.price(known["completion"]),
        price_cached=base.price(known.get("cached")),
        price_cache_write=base.price(known.get("cache_write")),
    )


def _plain(name: str) -> str:
    """Return a model's name without its date, with dashes as the only separator."""
    return re.sub(r"-(\d{8}|\d{4}-\d\d-\d\d)$", "", name).replace(".", "-")


_TABLE = json.loads(Path(__file__).with_name("glama_prices.json").read_text())
_PRICES = {_plain(name): prices for name, prices in _TABLE["prices"].items()}

DIALECT = Dialect(
    listing=listing,
    headers={"X-Glama-Metadata": '{"labels":["tokengate"]}'},
    embeddings=False,
    cost_in_usd=True,
    usage_lookup=UsageLookup("/completion-requests/", completion_request),
    native=frozenset(("messages",)),
)
