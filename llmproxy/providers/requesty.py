"""Requesty: https://docs.requesty.ai. Its model list has its own names for prices and sizes."""

from dataclasses import replace

from llmproxy.providers import base
from llmproxy.providers.base import Dialect, Entry, Listing
from llmproxy.providers.capabilities import UNKNOWN, of_requesty


def listing(entry: Entry) -> Listing:
    """Read an entry of Requesty's `/models`."""
    read = base.listing(entry)
    own = of_requesty(entry)
    return replace(
        read,
        capabilities=read.capabilities if own == UNKNOWN else own,
        context_length=base.size(entry.get("context_window")),
        max_output_tokens=base.size(entry.get("max_output_tokens")),
        price_prompt=base.price(entry.get("input_price")),
        price_completion=base.price(entry.get("output_price")),
        price_cached=base.price(entry.get("cached_price")),
        price_cache_write=base.price(entry.get("caching_price")),
    )


DIALECT = Dialect(
    headers={"HTTP-Referer": "https://tokengate.dev", "X-Title": "Tokengate"},
    listing=listing,
    cost_in_usd=True,
    native=frozenset(("messages",)),
)
