"""The usage object as OpenAI reports it (with OpenRouter's ``cost`` if requested)."""

from typing import Any

from devserver.upstream.generation import Plan


def of_generation(plan: Plan, completion_tokens: int) -> dict[str, Any]:
    """Usage after so many completion tokens over all choices."""
    reasoning = min(completion_tokens, plan.choices * len(plan.reasoning))
    usage: dict[str, Any] = {
        "prompt_tokens": plan.prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": plan.prompt_tokens + completion_tokens,
        "prompt_tokens_details": {"cached_tokens": plan.cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
    if plan.tells_cost:
        usage["cost"] = float(plan.usd(completion_tokens))
    return usage


def of_embedding(plan: Plan) -> dict[str, Any]:
    usage: dict[str, Any] = {
        "prompt_tokens": plan.prompt_tokens,
        "total_tokens": plan.prompt_tokens,
    }
    if plan.tells_cost:
        usage["cost"] = float(plan.usd(0))
    return usage


def emptied(usage: dict[str, Any]) -> dict[str, Any]:
    """The same with every count at zero."""
    return {key: emptied(value) if isinstance(value, dict) else 0 for key, value in usage.items()}
