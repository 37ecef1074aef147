"""The models, listed in a superset of OpenAI's, OpenRouter's and Requesty's shapes."""

from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

_CREATED = 1_754_000_000


@dataclass(frozen=True, slots=True)
class Model:
    """One model; prices are USD per token, as OpenRouter's strings say them."""

    id: str
    name: str
    context_length: int
    max_output: int | None
    prompt_price: str
    completion_price: str
    cached_price: str = "0"
    sees_images: bool = False

    @property
    def embeds(self) -> bool:
        return self.max_output is None

    def cost(self, *, prompt: int, completion: int) -> Decimal:
        """What the tokens cost in USD."""
        return prompt * Decimal(self.prompt_price) + completion * Decimal(self.completion_price)


CATALOG = {
    model.id: model
    for model in (
        Model(
            "openai/gpt-5-mini",
            "OpenAI: GPT-5 Mini",
            400_000,
            128_000,
            "0.00000025",
            "0.000002",
            "0.000000025",
            sees_images=True,
        ),
        Model(
            "openai/gpt-5",
            "OpenAI: GPT-5",
            400_000,
            128_000,
            "0.00000125",
            "0.00001",
            "0.000000125",
            sees_images=True,
        ),
        Model(
            "anthropic/claude-sonnet-4.5",
            "Anthropic: Claude Sonnet 4.5",
            1_000_000,
            64_000,
            "0.000003",
            "0.000015",
            "0.0000003",
            sees_images=True,
        ),
        Model(
            "google/gemini-2.5-flash",
            "Google: Gemini 2.5 Flash",
            1_048_576,
            65_535,
            "0.0000003",
            "0.0000025",
            "0.00000003",
            sees_images=True,
        ),
        Model(
            "deepseek/deepseek-chat-v3.1",
            "DeepSeek: DeepSeek V3.1",
            163_840,
            32_768,
            "0.0000002",
            "0.0000008",
        ),
        Model("qwen/qwen3-coder", "Qwen: Qwen3 Coder", 262_144, 65_536, "0.00000022", "0.00000095"),
        Model(
            "openai/text-embedding-3-small",
            "OpenAI: Text Embedding 3 Small",
            8_192,
            None,
            "0.00000002",
            "0",
        ),
    )
}


@cache
def describe(model: Model) -> dict[str, Any]:
    return {
        "id": model.id,
        "canonical_slug": model.id,
        "object": "model",
        "created": _CREATED,
        "owned_by": model.id.partition("/")[0],
        "name": model.name,
        "description": f"{model.name}, played by the demo upstream.",
        "context_length": model.context_length,
        "architecture": _architecture(model),
        "pricing": _pricing(model),
        "top_provider": {
            "context_length": model.context_length,
            "max_completion_tokens": model.max_output,
            "is_moderated": False,
        },
        "per_request_limits": None,
        "supported_parameters": [] if model.embeds else list(_PARAMETERS),
        "input_price": float(model.prompt_price),
        "output_price": float(model.completion_price),
        "cached_price": float(model.cached_price),
        "caching_price": float(model.prompt_price),
    }


_PARAMETERS = ("max_tokens", "reasoning", "response_format", "stop", "tool_choice", "tools")


def _architecture(model: Model) -> dict[str, Any]:
    inputs = ["text", "image"] if model.sees_images else ["text"]
    output = "embeddings" if model.embeds else "text"
    return {
        "modality": f"{'+'.join(inputs)}->{output}",
        "input_modalities": inputs,
        "output_modalities": [output],
        "tokenizer": "Other",
        "instruct_type": None,
    }


def _pricing(model: Model) -> dict[str, str]:
    return {
        "prompt": model.prompt_price,
        "completion": model.completion_price,
        "request": "0",
        "image": "0",
        "input_cache_read": model.cached_price,
    }


def listing() -> dict[str, Any]:
    return {"object": "list", "data": [describe(model) for model in CATALOG.values()]}
