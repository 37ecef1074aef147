"""A user's balance, reservations and receipts: /api/tokens/*, and /api/auth/me."""

from drf_spectacular.utils import extend_schema
from msgspec.structs import asdict
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.errors import Conflict, NotFound
from core.http.attribution import attribution
from core.http.openapi import raises
from tokens import idempotency, ledger
from tokens.api.serializers import (
    BalanceSerializer,
    HeldSerializer,
    MeSerializer,
    ReceiptSerializer,
    ReserveSerializer,
)
from tokens.errors import InsufficientTokens, KeyBudgetExceeded, SessionBudgetExceeded
from tokens.ledger import HoldContext, open_account
from tokens.models import Reservation
from tokens.usage import queries

READ = "tokens:read"
WRITE = "tokens:write"


def caller_id(request: Request) -> int:
    """Return the id of the authenticated user."""
    assert request.user.pk is not None
    return request.user.pk


def context_of(request: Request) -> HoldContext:
    """Return the caller of a reservation: an API key, or a session without one."""
    key = request.auth
    return HoldContext(
        request_id=str(getattr(request._request, "id", "")),  # noqa: SLF001 - there is no other way
        api_key=getattr(key, "pk", None),
        key_budget=getattr(key, "monthly_token_budget", None),
        **asdict(attribution(request.META)),
        session_budget=getattr(key, "session_budget", None),
        task_budget=getattr(key, "task_budget", None),
    )


class BalanceView(APIView):
    key_scope = READ

    @extend_schema(tags=["tokens"], responses=BalanceSerializer, summary="The balance")
    def get(self, request: Request) -> Response:
        return Response(BalanceSerializer(open_account(caller_id(request))).data)


class MeView(APIView):
    key_scope = READ

    @extend_schema(tags=["auth"], responses=MeSerializer, summary="User, plan, balance and limits")
    def get(self, request: Request) -> Response:
        balance = open_account(caller_id(request))
        me = {
            "user": request.user,
            "plan": balance.tier,
            "balance": balance,
            "limits": balance.tier,
        }
        return Response(MeSerializer(me).data)


class ReserveView(APIView):
    key_scope = WRITE
    apps_may = ("POST",)

    @raises(InsufficientTokens, SessionBudgetExceeded, KeyBudgetExceeded, Conflict)
    @extend_schema(
        tags=["tokens"],
        parameters=[idempotency.HEADER],
        request=ReserveSerializer,
        responses={201: HeldSerializer},
        summary="Reserve tokens for a request that the client sends to a provider",
    )
    @idempotency.idempotent
    def post(self, request: Request) -> Response:
        asked = ReserveSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        hold = ledger.reserve(
            user_id=caller_id(request), context=context_of(request), **asked.validated_data
        )
        held = Reservation.objects.get(pk=hold.id)
        return Response(HeldSerializer(held).data, status=201)


class ReceiptView(APIView):
    key_scope = READ

    @extend_schema(
        tags=["tokens"], responses=ReceiptSerializer, summary="The receipt of one request"
    )
    def get(self, request: Request, request_id: str) -> Response:
        """Find it by the request's id (the latest, if the id was reused) or by its own `id`."""
        receipt = queries.receipt(caller_id(request), request_id)
        if receipt is None:
            raise NotFound("There is no receipt for this request id.")
        return Response(ReceiptSerializer(receipt).data)
