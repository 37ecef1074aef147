"""Endpoints for the caller's key, balance and requests, in OpenRouter's shapes.

https://openrouter.ai/docs/api-reference: `/key`, `/credits` and `/generation`. Amounts are tokens
of the balance; OpenRouter's are credits.
"""

from typing import Any

from django.http import HttpRequest, HttpResponse

from apikeys.models import ApiKey
from core.database import in_thread
from core.errors import InvalidRequest, NotFound
from core.http.methods import allow_methods
from llmproxy.api.base import authenticated, json_answer, without_csrf
from llmproxy.relay.callers import Caller
from tokens import ledger
from tokens.models import UsageRecord
from tokens.usage import queries


@without_csrf
async def key(request: HttpRequest) -> HttpResponse:
    """GET /api/llm/key: the key's remaining tokens; for a session, the balance."""
    allow_methods(request, "GET", "HEAD")
    caller = await authenticated(request)
    return json_answer({"data": await in_thread(_key, caller)})


@without_csrf
async def credits_left(request: HttpRequest) -> HttpResponse:
    """GET /api/llm/credits: the tokens of this period, and how many are used."""
    allow_methods(request, "GET", "HEAD")
    caller = await authenticated(request)
    return json_answer({"data": await in_thread(_credits, caller)})


@without_csrf
async def generation(request: HttpRequest) -> HttpResponse:
    """GET /api/llm/generation?id=: the receipt of one of the caller's own requests."""
    allow_methods(request, "GET", "HEAD")
    caller = await authenticated(request)
    name = request.GET.get("id", "")
    if not name:
        raise InvalidRequest("id is required: the id of a request.", param="id")
    record = await in_thread(_record, caller, name)
    if record is None:
        raise NotFound(f"You have no request {name[:128]!r}.", param="id")
    return json_answer({"data": _generation(record)})


def _key(caller: Caller) -> dict[str, Any]:
    balance = ledger.open_account(caller.user_id)
    name, limit, used = "Session", balance.allocated + balance.bonus, balance.used
    if caller.api_key is not None:
        name = ApiKey.objects.values_list("name", flat=True).get(pk=caller.api_key)
        used = queries.charged_this_month(caller.user_id, caller.api_key)
        limit = caller.key_token_budget or limit
    return {
        "label": name,
        "usage": used,
        "limit": limit,
        "limit_remaining": min(max(limit - used, 0), balance.available),
        "is_free_tier": caller.plan == "free",
        "rate_limit": {"requests": caller.limits.requests_per_minute, "interval": "60s"},
    }


def _credits(caller: Caller) -> dict[str, Any]:
    balance = ledger.open_account(caller.user_id)
    return {
        "total_credits": balance.allocated + balance.bonus,
        "total_usage": balance.used,
    }


def _record(caller: Caller, name: str) -> UsageRecord | None:
    """Find a receipt by our request id, the receipt's id, or the provider's id of the answer."""
    return queries.receipt(caller.user_id, name) or queries.by_upstream_id(caller.user_id, name)


def _generation(record: UsageRecord) -> dict[str, Any]:
    cost = record.cost if record.upstream_cost is None else record.upstream_cost
    return {
        "id": record.upstream_id or record.request_id,
        "request_id": record.request_id,
        "model": record.model,
        "provider_name": record.provider,
        "created_at": record.created_at.isoformat(),
        "streamed": record.streamed,
        "cancelled": record.status == UsageRecord.Status.CANCELLED,
        "latency": record.first_byte_ms,
        "generation_time": record.duration_ms,
        "tokens_prompt": record.prompt_tokens,
        "tokens_completion": record.completion_tokens,
        "native_tokens_prompt": record.prompt_tokens,
        "native_tokens_completion": record.completion_tokens,
        "native_tokens_reasoning": record.reasoning_tokens,
        "native_tokens_cached": record.cached_tokens,
        "total_cost": None if cost is None else float(cost),
        "usage": record.charged,
        "is_final": record.final,
    }
