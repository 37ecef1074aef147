"""What a user may spend, and what he spent: /api/tokens/*, and /api/auth/me."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.errors import NotFound
from tokens.ledger import open_account
from tokens.models import UsageRecord
from tokens.serializers import (
    BalanceSerializer,
    MeSerializer,
    ReceiptSerializer,
    UsageRecordSerializer,
)

READ = "tokens:read"


def caller_id(request: Request) -> int:
    """Return the id of the authenticated user."""
    assert request.user.pk is not None
    return request.user.pk


class BalanceView(APIView):
    key_scope = READ

    @extend_schema(tags=["tokens"], responses=BalanceSerializer, summary="What is left to spend")
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


class UsagePages(CursorPagination):
    ordering = ("-created_at", "-id")
    page_size = 50
    page_size_query_param = "limit"
    max_page_size = 500


@extend_schema(tags=["tokens"], summary="What was used, newest first")
class UsageView(ListAPIView[UsageRecord]):
    key_scope = READ
    serializer_class = UsageRecordSerializer
    pagination_class = UsagePages
    queryset = UsageRecord.objects.none()

    def get_queryset(self) -> Any:
        return UsageRecord.objects.filter(user_id=caller_id(self.request))


class ReceiptView(APIView):
    key_scope = READ

    @extend_schema(
        tags=["tokens"], responses=ReceiptSerializer, summary="The receipt of one request"
    )
    def get(self, request: Request, request_id: str) -> Response:
        mine = UsageRecord.objects.filter(user_id=caller_id(request))
        receipt = mine.filter(request_id=request_id).order_by("-created_at").first()
        if receipt is None:
            raise NotFound("There is no receipt for this request id.")
        return Response(ReceiptSerializer(receipt).data)
