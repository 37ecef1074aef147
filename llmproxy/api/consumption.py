"""POST /api/tokens/consume. It is in this app because it needs the weights of the models."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from msgspec.structs import asdict
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.errors import Conflict, NotFound
from core.http.openapi import raises
from llmproxy.settlement import consumption
from llmproxy.settlement.consumption import Consumption
from tokens import idempotency
from tokens.api.balance import WRITE, caller_id, context_of
from tokens.api.serializers import WholeNumberField
from tokens.errors import (
    InsufficientTokens,
    KeyBudgetExceeded,
    ReservationClosed,
    SessionBudgetExceeded,
)
from tokens.ledger import Settlement

# More than any model accepts or generates.
_MOST = 1_000_000_000


class ConsumeSerializer(serializers.Serializer[Any]):
    reservation = serializers.UUIDField(
        default=None,
        allow_null=True,
        help_text="The reservation to settle. Empty: charge the balance directly.",
    )
    model = serializers.CharField(max_length=200)
    provider = serializers.CharField(max_length=64, default="", allow_blank=True)
    prompt_tokens = WholeNumberField(min_value=0, max_value=_MOST)
    completion_tokens = WholeNumberField(min_value=0, max_value=_MOST)
    cache_read_tokens = WholeNumberField(
        min_value=0,
        max_value=_MOST,
        default=0,
        help_text="The part of prompt_tokens that was read from the provider's cache.",
    )
    cache_write_tokens = WholeNumberField(
        min_value=0,
        max_value=_MOST,
        default=0,
        help_text="The part of prompt_tokens that was written to the provider's cache.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["cache_read_tokens"] + attrs["cache_write_tokens"] > attrs["prompt_tokens"]:
            message = "Cached tokens are part of prompt_tokens and cannot exceed it."
            raise serializers.ValidationError({"prompt_tokens": message})
        return attrs


class ConsumedSerializer(serializers.Serializer[Any]):
    charged = serializers.IntegerField(help_text="Tokens charged, by the model's weights.")
    available = serializers.IntegerField()
    request_id = serializers.CharField(help_text="The id of the receipt at /api/tokens/usage/…")


class ConsumeView(APIView):
    key_scope = WRITE
    apps_may = ("POST",)

    @raises(
        InsufficientTokens,
        SessionBudgetExceeded,
        KeyBudgetExceeded,
        ReservationClosed,
        Conflict,
        NotFound,
    )
    @extend_schema(
        tags=["tokens"],
        operation_id="consume_tokens",
        parameters=[idempotency.HEADER],
        request=ConsumeSerializer,
        responses={200: ConsumedSerializer},
        summary="Charge usage of a request that the client sent to a provider",
    )
    @idempotency.idempotent
    def post(self, request: Request) -> Response:
        asked = ConsumeSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        used = dict(asked.validated_data)
        done, receipt = _consume(request, used.pop("reservation"), Consumption(**used))
        return Response(ConsumedSerializer({**asdict(done), "request_id": receipt}).data)


def _consume(
    request: Request, reservation: UUID | None, used: Consumption
) -> tuple[Settlement, str]:
    user_id, context = caller_id(request), context_of(request)
    if reservation:
        return consumption.settle(
            user_id=user_id, api_key=context.api_key, reservation_id=reservation, used=used
        )
    return consumption.spend(user_id=user_id, used=used, context=context), context.request_id
