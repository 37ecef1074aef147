"""The list of models, with OpenAI's and OpenRouter's fields, or in Anthropic's shape. Pure.

Limits include the caps of the caller's plan, so clients can use the values that are listed.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from core.decimals import plain
from core.errors import InvalidRequest
from llmproxy.catalog.snapshot import ServedModel
from llmproxy.relay.callers import Caller

Json = dict[str, Any]

_PAGE, _LARGEST_PAGE = 20, 1000


def in_openrouters_shape(model: ServedModel, caller: Caller) -> Json:
    """Return a model as in https://openrouter.ai/docs/api-reference/list-available-models."""
    most_output = _most_output(model, caller)
    return {
        "id": model.name,
        "object": "model",
        "created": model.created,
        "owned_by": model.name.partition("/")[0] if "/" in model.name else "system",
        "name": model.title or model.name,
        "type": model.kind,
        "context_length": model.context_length,
        "max_output_tokens": model.max_output_tokens,
        "max_completion_tokens": most_output,
        **_capabilities(model),
        "top_provider": {
            "context_length": model.context_length,
            "max_completion_tokens": most_output,
            "is_moderated": False,
        },
        "pricing": _pricing(model),
        "weights": {
            "prompt": float(model.weights.prompt),
            "completion": float(model.weights.completion),
            "cache_read": float(model.weights.of_reads),
            "cache_write": float(model.weights.of_writes),
        },
        "providers": [route.provider.name for route in model.routes],
    }


def in_anthropics_shape(model: ServedModel, caller: Caller) -> Json:
    """Return a model as in https://platform.claude.com/docs/en/api/models-list."""
    return {
        "type": "model",
        "id": model.name,
        "display_name": model.title or model.name,
        "created_at": datetime.fromtimestamp(model.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "max_input_tokens": model.context_length,
        "max_tokens": _most_output(model, caller),
    }


def page(models: list[Json], *, limit: str, after_id: str, before_id: str) -> Json:
    """Return a page of Anthropic's list. Raises ``InvalidRequest``."""
    size = _size(limit)
    ids = [model["id"] for model in models]
    if after_id or before_id:
        start, end = _index(ids, after_id, -1) + 1, _index(ids, before_id, len(ids))
        rest = models[start:end]
        listed = rest[-size:] if before_id else rest[:size]
    else:
        rest, listed = models, models[:size]
    return {
        "data": listed,
        "has_more": len(rest) > len(listed),
        "first_id": listed[0]["id"] if listed else None,
        "last_id": listed[-1]["id"] if listed else None,
    }


def _size(limit: str) -> int:
    if not limit:
        return _PAGE
    if not (limit.isascii() and limit.isdecimal() and 1 <= int(limit[:9]) <= _LARGEST_PAGE):
        raise InvalidRequest(
            f"limit must be a whole number from 1 to {_LARGEST_PAGE}.", param="limit"
        )
    return int(limit[:9])


def _index(ids: list[str], name: str, otherwise: int) -> int:
    return ids.index(name) if name in ids else otherwise


def _most_output(model: ServedModel, caller: Caller) -> int:
    caps = (model.max_output_tokens, caller.max_output_tokens)
    return min(cap for cap in caps if cap is not None)


def _capabilities(model: ServedModel) -> Json:
    """Return what the model takes and gives; only text where no provider says."""
    described = model.capabilities
    takes = list(described.input_modalities) or ["text"]
    gives = list(described.output_modalities) or [
        "embeddings" if model.kind == "embedding" else "text"
    ]
    parameters = list(described.supported_parameters)
    return {
        "architecture": {
            "modality": f"{'+'.join(takes)}->{'+'.join(gives)}",
            "input_modalities": takes,
            "output_modalities": gives,
        },
        **({"supported_parameters": parameters} if parameters else {}),
    }


def _pricing(model: ServedModel) -> Json:
    prices = model.routes[0].prices
    return {
        "prompt": _usd(prices.prompt),
        "completion": _usd(prices.completion),
        "cached": _usd(prices.cached),
        "cache_write": _usd(prices.cache_write),
        "input_cache_read": _usd(prices.cached),
        "input_cache_write": _usd(prices.cache_write),
        "request": _usd(prices.request),
    }


def _usd(price: Decimal | None) -> str | None:
    return None if price is None else plain(price)
