"""The usage lookup: what a generation used, also if its client disconnected.

OpenRouter answers 404 while the word has not arrived yet, Glama a record without usage.
"""

from datetime import UTC, datetime
from typing import Any

from devserver.upstream.errors import ApiError
from devserver.upstream.generation import Plan
from devserver.upstream.journal import Journal, Record


def generation(journal: Journal, ident: str) -> dict[str, Any]:
    """OpenRouter's ``GET /generation?id=``."""
    record, plan = _settled(journal, ident)
    if _still_late(record):
        raise _not_found(ident)
    return {"data": _generation(record, plan)}


def completion_request(journal: Journal, ident: str) -> dict[str, Any]:
    """Glama's ``GET /completion-requests/{id}``."""
    record, plan = _settled(journal, ident)
    late = _still_late(record)
    return {
        "id": record.request_id,
        "model": plan.model.id,
        "createdAt": _instant(record.began),
        "completedAt": _instant(record.ended),
        "tokenUsage": None if late else _token_usage(record, plan),
        "totalCostUsd": None if late else plan.usd(record.completion_tokens),
    }


def _settled(journal: Journal, ident: str) -> tuple[Record, Plan]:
    record = journal.find(ident)
    if record is None or record.plan is None or record.outcome == "running":
        raise _not_found(ident)
    return record, record.plan


def _still_late(record: Record) -> bool:
    """Count down the asks that ``later`` leaves without an answer."""
    late = record.later > 0
    record.later -= late
    return late


def _not_found(ident: str) -> ApiError:
    return ApiError(404, f"Generation {ident} not found", code="not_found")


def _instant(seconds: float | None) -> str:
    return datetime.fromtimestamp(seconds or 0, UTC).isoformat()


def _token_usage(record: Record, plan: Plan) -> dict[str, int]:
    return {
        "promptTokens": record.prompt_tokens,
        "completionTokens": record.completion_tokens,
        "cacheReadInputTokens": plan.cached_tokens,
        "cacheCreationInputTokens": 0,
    }


def _generation(record: Record, plan: Plan) -> dict[str, Any]:
    cancelled = record.outcome == "cancelled"
    cost = float(plan.usd(record.completion_tokens))
    finish = None if record.outcome != "finished" else plan.finish
    return {
        "id": record.id,
        "upstream_id": record.id,
        "model": plan.model.id,
        "provider_name": "Demo",
        "created_at": _instant(record.began),
        "streamed": record.stream,
        "cancelled": cancelled,
        "finish_reason": finish,
        "native_finish_reason": finish,
        "generation_time": round(1000 * ((record.ended or record.began) - record.began)),
        "tokens_prompt": record.prompt_tokens,
        "tokens_completion": record.completion_tokens,
        "native_tokens_prompt": record.prompt_tokens,
        "native_tokens_completion": record.completion_tokens,
        "native_tokens_reasoning": min(
            record.completion_tokens, plan.choices * len(plan.reasoning)
        ),
        "native_tokens_cached": plan.cached_tokens,
        "total_cost": cost,
        "usage": cost,
        "cache_discount": None,
        "upstream_inference_cost": None,
        "is_byok": False,
        "external_user": record.user,
    }
