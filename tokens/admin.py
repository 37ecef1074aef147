"""Tokens in the admin: tiers can be edited; money can only be read."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from tokens.models import Adjustment, Balance, Entry, Grant, Reservation, Tier, UsageRecord


class ReadOnlyAdmin(admin.ModelAdmin[Any]):
    """Rows to look at. The ledger writes them; nobody edits them."""

    list_select_related: ClassVar[tuple[str, ...]] = ("user",)
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Tier)
class TierAdmin(admin.ModelAdmin[Tier]):
    list_display = ("name", "title", "monthly_tokens", "requests_per_minute", "max_output_tokens")

    def get_readonly_fields(self, request: HttpRequest, obj: Tier | None = None) -> tuple[str, ...]:
        return ("name",) if obj else ()


@admin.register(Balance)
class BalanceAdmin(ReadOnlyAdmin):
    list_display = ("user", "tier", "available", "allocated", "used", "bonus", "reserved")
    list_filter = ("tier",)
    list_select_related: ClassVar[tuple[str, ...]] = ("user", "tier")
    search_fields = ("user__email",)


@admin.register(Grant)
class GrantAdmin(ReadOnlyAdmin):
    list_display = ("user", "amount", "remaining", "expires_at", "source", "created_at")
    search_fields = ("user__email", "source")


@admin.register(Entry)
class EntryAdmin(ReadOnlyAdmin):
    list_display = ("id", "user", "kind", "amount", "source", "created_at")
    list_filter = ("kind",)
    search_fields = ("user__email", "source")


@admin.register(Adjustment)
class AdjustmentAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "user", "kind", "tier", "amount", "source", "note")
    list_filter = ("kind", "tier")
    search_fields = ("user__email", "source")


@admin.register(Reservation)
class ReservationAdmin(ReadOnlyAdmin):
    list_display = ("id", "user", "amount", "state", "model", "created_at", "expires_at")
    list_filter = ("state",)
    search_fields = ("user__email", "request_id")


@admin.register(UsageRecord)
class UsageRecordAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "user", "model", "provider", "status", "charged", "cost", "final")
    list_filter = ("status", "source", "final", "provider")
    search_fields = ("user__email", "request_id")
    date_hierarchy = "created_at"
