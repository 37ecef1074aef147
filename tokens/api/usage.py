"""GET /api/tokens/usage: usage as records, as sums, or as CSV."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, time, timedelta
from typing import Any, TypeVar

from django.db.models import QuerySet
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.decorators import method_decorator
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiParameter,
    PolymorphicProxySerializer,
    extend_schema,
    extend_schema_field,
)
from rest_framework import serializers
from rest_framework.pagination import CursorPagination
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core import replica
from core.database import in_thread
from core.errors import NotFound
from core.http.openapi import raises
from core.moments import in_utc, within_reach
from core.spreadsheet import as_csv
from tokens.api.balance import READ, caller_id
from tokens.api.serializers import (
    UsagePageSerializer,
    UsageRecordSerializer,
    UsageSumSerializer,
    UsageSumsSerializer,
)
from tokens.models import UsageRecord
from tokens.usage import queries
from tokens.usage.queries import Filter, Place

T = TypeVar("T", bound=HttpResponseBase)

_FORMAT = OpenApiParameter(
    "format",
    OpenApiTypes.STR,
    enum=["json", "csv"],
    description="csv: all matching records, without pages. `Accept: text/csv` is equivalent.",
)


@extend_schema_field({"type": "string", "examples": ["2026-03-01", "2026-03-01T12:00:00Z"]})
class MomentField(serializers.Field[datetime, str, str, Any]):
    """A day, or a time with its offset. A day means its start, or its end with ``end``."""

    def __init__(self, *, end: bool = False, **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)
        self._end = end

    def to_internal_value(self, data: str) -> datetime:
        try:
            day, moment = parse_date(data), parse_datetime(data)
        except (ValueError, TypeError):
            day = moment = None
        if day:
            start = datetime.combine(within_reach(day), time(), UTC)
            return start + timedelta(days=1) if self._end else start
        if moment is None or moment.tzinfo is None:
            raise serializers.ValidationError(
                "Send a day, or a time with its offset: 2026-03-01, 2026-03-01T12:00:00Z."
            )
        return in_utc(moment)


class UsageQuerySerializer(serializers.Serializer[Any]):
    model = serializers.CharField(max_length=200, required=False)
    provider = serializers.CharField(max_length=64, required=False)
    key = serializers.UUIDField(required=False, help_text="The id of an API key.")
    status = serializers.ChoiceField(choices=UsageRecord.Status.choices, required=False)
    session = serializers.CharField(max_length=200, required=False)
    task = serializers.CharField(max_length=200, required=False)
    group_by = serializers.ChoiceField(
        choices=["day", "model", "provider", "key", "session", "task"], required=False
    )

    def get_fields(self) -> dict[str, Any]:
        since = MomentField(help_text="A day (UTC) or a time, inclusive.")
        until = MomentField(end=True, help_text="A day, inclusive, or a time, exclusive.")
        return {"from": since, "to": until, **super().get_fields()}  # `from` is a Python keyword

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        group = attrs.pop("group_by", None)
        attrs["since"], attrs["until"] = attrs.pop("from", None), attrs.pop("to", None)
        if attrs["since"] and attrs["until"] and attrs["since"] >= attrs["until"]:
            raise serializers.ValidationError({"to": "This is not after `from`."})
        return {"wanted": Filter(**attrs), "group": group}


class CsvRenderer(BaseRenderer):
    """Registers the format with DRF. The view writes it."""

    media_type = "text/csv"
    format = "csv"


class UsagePages(CursorPagination):
    ordering = ("-created_at", "-id")
    page_size = 50
    page_size_query_param = "limit"
    max_page_size = 500


class UsageView(APIView):
    key_scope = READ
    renderer_classes = (JSONRenderer, CsvRenderer)

    @raises(NotFound)  # for unknown pages and formats
    @extend_schema(
        tags=["tokens"],
        operation_id="usage",
        summary="Usage: records, newest first, or their sums with `group_by`",
        parameters=[
            UsageQuerySerializer,
            _FORMAT,
            OpenApiParameter("cursor", OpenApiTypes.STR, description="From a response's links."),
            OpenApiParameter(
                "limit",
                OpenApiTypes.INT,
                description="Records on a page: 50 by default, at most 500.",
            ),
        ],
        responses={
            (200, "application/json"): PolymorphicProxySerializer(
                component_name="UsageAnswer",
                serializers=[UsagePageSerializer, UsageSumsSerializer],
                resource_type_field_name=None,
            ),
            (200, "text/csv"): OpenApiTypes.STR,
        },
    )
    @method_decorator(replica.reads)
    def get(self, request: Request) -> HttpResponse | StreamingHttpResponse | Response:
        query = UsageQuerySerializer(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        user_id, wanted = caller_id(request), query.validated_data["wanted"]
        if group := query.validated_data["group"]:
            rows = UsageSumSerializer(queries.sums(user_id, wanted, group), many=True).data
            return _sums_as_csv(rows) if _wants_csv(request) else Response({"results": rows})
        if _wants_csv(request):
            return records_as_csv(user_id, wanted)
        return self._page(request, queries.places(user_id, wanted))

    def _page(self, request: Request, found: QuerySet[UsageRecord, Place]) -> Response:
        pages = UsagePages()
        page = queries.at(pages.paginate_queryset(found, request, view=self) or [])
        return pages.get_paginated_response(UsageRecordSerializer(page, many=True).data)

    def handle_exception(self, exc: Exception) -> Response:
        # Errors are not CSV, and DRF sets no renderer for unknown formats.
        self.request.accepted_renderer = JSONRenderer()
        self.request.accepted_media_type = JSONRenderer.media_type
        return super().handle_exception(exc)


def _wants_csv(request: Request) -> bool:
    return getattr(request.accepted_renderer, "format", "") == "csv"


def _sums_as_csv(rows: Any) -> HttpResponse:
    names = list(UsageSumSerializer().fields)
    return _attachment(HttpResponse(as_csv([names, *(row.values() for row in rows)])))


def records_as_csv(user_id: int, wanted: Filter) -> StreamingHttpResponse:
    """Return all matching records as a download."""
    return _attachment(StreamingHttpResponse(_csv_of(user_id, wanted)))


async def _csv_of(user_id: int, wanted: Filter) -> AsyncIterator[str]:
    """Write page by page, so that long exports need little memory and no cursor."""
    yield as_csv([UsageRecordSerializer().fields])
    text, last = await in_thread(_next_page, user_id, wanted, None)
    while last:
        yield text
        text, last = await in_thread(_next_page, user_id, wanted, last)


@replica.reads
def _next_page(user_id: int, wanted: Filter, after: Place | None) -> tuple[str, Place | None]:
    """Return the records after a place, and the place of the last one; None if there are none."""
    places = queries.page(user_id, wanted, after)
    rows = UsageRecordSerializer(queries.at(places), many=True).data
    return as_csv(row.values() for row in rows), places[-1] if places else None


def _attachment(response: T) -> T:
    response.headers["Content-Type"] = "text/csv; charset=utf-8"
    response.headers["Content-Disposition"] = 'attachment; filename="usage.csv"'
    return response
