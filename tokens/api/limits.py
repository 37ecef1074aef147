"""GET /api/tokens/limits: the remaining limits of a caller."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tokens.api.balance import READ, caller_id
from tokens.api.serializers import LimitsNowSerializer
from tokens.ledger import open_account
from tokens.limits import admission
from tokens.limits.states import Limits, State
from tokens.models import Tier
from tokens.tiers import limits_of


class LimitsView(APIView):
    key_scope = READ

    @extend_schema(tags=["tokens"], responses=LimitsNowSerializer, summary="Remaining limits")
    def get(self, request: Request) -> Response:
        user_id, key = caller_id(request), request.auth
        tier = open_account(user_id).tier
        # A session has no key with an id and a limit.
        allowed = limits_of(tier, key_requests_per_minute=getattr(key, "requests_per_minute", None))
        key_id = key.pk if allowed.key_requests_per_minute is not None else None
        state = admission.peek(user_id=user_id, api_key=key_id, limits=allowed)
        return Response(LimitsNowSerializer(_now(tier, allowed, state, timezone.now())).data)


def _now(tier: Tier, allowed: Limits, state: State, now: datetime) -> dict[str, Any]:
    def window(limit: int, remaining: int, reset: int) -> dict[str, Any]:
        ends = now + timedelta(milliseconds=reset)
        return {"limit": limit, "remaining": remaining, "resets_at": ends}

    requests, tokens = tier.requests_per_minute, tier.tokens_per_minute
    of_key = allowed.key_requests_per_minute
    return {
        "plan": tier.name,
        "requests_per_minute": window(requests, state.requests_left, state.requests_reset),
        "tokens_per_minute": window(tokens, state.tokens_left, state.tokens_reset),
        "concurrent_requests": {
            "limit": tier.concurrent_requests,
            "remaining": state.slots_left,
        },
        "key_requests_per_minute": None
        if of_key is None
        else window(of_key, state.key_left, state.key_reset),
        "max_output_tokens": tier.max_output_tokens,
        "allowed_models": tier.allowed_models,
    }
