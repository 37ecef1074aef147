"""OpenRouter.

https://openrouter.ai/docs/api-reference/overview: prices are strings, USD per token. The id of
a generation is in `X-Generation-Id`. Its usage lookup returns 404 until the usage is available:
https://openrouter.ai/docs/api-reference/get-a-generation. Of its two counts, the native one is
billed.
"""

from llmproxy.protocol.dialects import OPENROUTER
from llmproxy.protocol.usage import Usage
from llmproxy.providers import base
from llmproxy.providers.base import Dialect, Entry, UsageLookup, always, is_served, part


def generation(answer: Entry) -> Usage | None:
    """Read the answer of `GET /generation`."""
    data = part(answer, "data")
    return base.usage_told(
        {
            "prompt_tokens": data.get("native_tokens_prompt"),
            "completion_tokens": data.get("native_tokens_completion"),
            "prompt_tokens_details": {"cached_tokens": data.get("native_tokens_cached")},
            "completion_tokens_details": {"reasoning_tokens": data.get("native_tokens_reasoning")},
            "cost": data.get("total_cost"),
            "cost_details": {"upstream_inference_cost": data.get("upstream_inference_cost")},
            "is_byok": data.get("is_byok"),
        }
    )


_ABOUT_PRIVACY = frozenset(("data_collection", "zdr", "require_parameters"))


def chooses_the_price(provider: object) -> bool:
    """Refuse routing preferences, except those about privacy and features."""
    return not (isinstance(provider, dict) and provider.keys() <= _ABOUT_PRIVACY)


# https://openrouter.ai/docs/features: searches and file parsers are billed by the call; the others
# choose another model, or another server of it at another price.
COSTLY = {
    **base.COSTLY,
    "plugins": always,
    "tools": is_served,
    "models": always,
    "route": always,
    "preset": always,
    "provider": chooses_the_price,
}

DIALECT = Dialect(
    headers={"HTTP-Referer": "https://tokengate.dev", "X-Title": "Tokengate"},
    id_header="x-generation-id",
    cost_in_usd=True,
    usage_lookup=UsageLookup("/generation?id=", generation),
    costly=COSTLY,
    native=frozenset(("messages", "responses")),
    target=OPENROUTER,
)
