"""Tokens in the admin. Tiers can be edited; balances and receipts are read-only."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import RangeDateTimeFilter

from core.admin.columns import number, usd
from core.admin.pages import OfUsersAdmin, RecentFilter, StaffAdmin
from tokens.models import Adjustment, Balance, Entry, Grant, Reservation, Tier, UsageRecord


@admin.register(Tier)
class TierAdmin(StaffAdmin):
    """The limits, models and features of a plan. Changes apply to its users within seconds."""

    list_display = (
        "name",
        "title",
        number("monthly_tokens"),
        number("requests_per_minute"),
        number("tokens_per_minute"),
        number("max_output_tokens"),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Tier | None = None) -> tuple[str, ...]:
        return ("name",) if obj else ()


@admin.register(Balance)
class BalanceAdmin(OfUsersAdmin):
    list_display = (
        "user",
        "tier",
        number("available", sorts=False),
        *map(number, ("allocated", "used", "bonus", "reserved")),
    )
    list_filter = ("tier",)
    list_select_related: ClassVar[tuple[str, ...]] = ("user", "tier")
    exactly: ClassVar[tuple[str, ...]] = ()
    ordering = ("-user_id",)


@admin.register(Grant)
class GrantAdmin(OfUsersAdmin):
    list_display = (
        "user",
        number("amount"),
        number("remaining"),
        "expires_at",
        "source",
        "created_at",
    )
    exactly: ClassVar[tuple[str, ...]] = ("source",)
    ordering = ("-id",)


@admin.register(Entry)
class EntryAdmin(OfUsersAdmin):
    list_display = ("id", "user", "kind", number("amount"), "source", "created_at")
    list_filter = ("kind",)
    ordering = ("-id",)


@admin.register(Adjustment)
class AdjustmentAdmin(OfUsersAdmin):
    list_display = ("created_at", "user", "kind", "tier", number("amount"), "source", "note")
    list_filter = ("kind", "tier")
    list_select_related: ClassVar[tuple[str, ...]] = ("user", "tier")
    ordering = ("-id",)


@admin.register(Reservation)
class ReservationAdmin(OfUsersAdmin):
    """The reservations of running requests, and others by id. The charges are in the receipts."""

    list_display = ("id", "user", number("amount"), "state", "model", "created_at", "expires_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """List the held reservations, for which there is an index."""
        found: QuerySet[Any] = super().get_queryset(request)
        is_list = (getattr(request.resolver_match, "url_name", "") or "").endswith("_changelist")
        if is_list and not request.GET.get("q"):
            return found.filter(state=Reservation.State.HELD)
        return found

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        found, doubled = super().get_search_results(request, queryset, search_term)
        held = Q(state=Reservation.State.HELD)
        return found.filter(held | self._is_exactly("pk", search_term.strip())), doubled


@admin.register(UsageRecord)
class UsageRecordAdmin(OfUsersAdmin):
    """The receipts. Sorted by time only: no other order has an index."""

    list_display = (
        "created_at",
        "user",
        "model",
        "provider",
        "status",
        number("charged"),
        usd("cost"),
        "final",
    )
    sortable_by = ("created_at",)
    list_filter = (RecentFilter, ("created_at", RangeDateTimeFilter), "status", "source", "final")
    list_filter_submit = True
    ordering = ("-created_at",)
