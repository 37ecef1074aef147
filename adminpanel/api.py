"""JSON endpoints for staff: /api/admin/*."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils.decorators import method_decorator
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.base import user_of
from adminpanel.access.permissions import StaffOnly
from adminpanel.actions import actions
from adminpanel.reports import revenue, usage, users
from adminpanel.reports.source import open_source, reads_again, snapshot
from adminpanel.serializers import (
    PlanChangeSerializer,
    RevenueQuerySerializer,
    RevenueSerializer,
    StaffUserSerializer,
    UsageQuerySerializer,
    UsageStatsSerializer,
    UserQuerySerializer,
)
from core import replica
from core.errors import Conflict, NotFound
from core.http.openapi import raises


class Pages(PageNumberPagination):
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200


class UsersView(ListAPIView[Any]):
    permission_classes = (StaffOnly,)
    permissions: ClassVar[dict[str, str]] = {"GET": "accounts.view_user"}
    serializer_class = StaffUserSerializer
    pagination_class = Pages

    @raises(NotFound)  # a page that there is not
    @extend_schema(
        tags=["staff"],
        operation_id="staff_users",
        parameters=[UserQuerySerializer],
        summary="Users with plan, tokens and when they were last seen",
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Any]:
        query = UserQuerySerializer(data=self.request.query_params.dict())
        query.is_valid(raise_exception=True)
        return users.found(**query.validated_data)


class UserPlanView(APIView):
    permission_classes = (StaffOnly,)
    permissions: ClassVar[dict[str, str]] = {"PUT": "tokens.change_balance"}

    @raises(Conflict)
    @extend_schema(
        tags=["staff"],
        operation_id="staff_change_plan",
        request=PlanChangeSerializer,
        responses=StaffUserSerializer,
        summary="Put a user on a plan, with the tokens of the rest of their period",
    )
    def put(self, request: Request, user_id: int) -> Response:
        asked = PlanChangeSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        actions.change_plan(staff=user_of(request), user_id=user_id, **asked.validated_data)
        changed = users.found(ordering="email").get(pk=user_id)
        return Response(StaffUserSerializer(changed).data)


class UsageStatsView(APIView):
    permission_classes = (StaffOnly,)
    permissions: ClassVar[dict[str, str]] = {"GET": "tokens.view_usagerecord"}

    @extend_schema(
        tags=["staff"],
        operation_id="staff_usage_stats",
        parameters=[UsageQuerySerializer],
        responses=UsageStatsSerializer,
        summary="Requests, tokens, cost, errors and latency of a time",
    )
    @method_decorator(replica.reads)
    @method_decorator(reads_again)
    def get(self, request: Request) -> Response:
        query = UsageQuerySerializer(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        since, until = query.validated_data["since"], query.validated_data["until"]
        group = query.validated_data["group"]
        days = {"since": since.date(), "until": until.date()}
        with snapshot():
            source = open_source()
            stats = {
                "since": since,
                "until": until,
                "as_of": source.as_of,
                "total": usage.total(source, **days),
                "rows": usage.usage(source, **days, group=group) if group else [],
            }
        return Response(UsageStatsSerializer(stats).data)


class RevenueView(APIView):
    permission_classes = (StaffOnly,)
    # Not a permission to view: support has those.
    permissions: ClassVar[dict[str, str]] = {"GET": "billing.change_plan"}

    @extend_schema(
        tags=["staff"],
        operation_id="staff_revenue",
        parameters=[RevenueQuerySerializer],
        responses=RevenueSerializer,
        summary="MRR, and by month: revenue, churn, failed payments, upstream cost and margin",
    )
    @method_decorator(replica.reads)
    @method_decorator(reads_again)
    def get(self, request: Request) -> Response:
        query = RevenueQuerySerializer(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        with snapshot():
            source = open_source()
            report = revenue.report(source, **query.validated_data)
        return Response(RevenueSerializer({**report, "as_of": source.as_of}).data)
