"""The catalog in the admin: weights, visibility and the order of providers are the staff's."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from llmproxy.models import Alias, Model, PriceChange, ProviderState, Route


class RouteInline(admin.TabularInline[Route, Model]):
    model = Route
    extra = 0
    readonly_fields = ("listed", "drift", "synced_at")


class AliasInline(admin.TabularInline[Alias, Model]):
    model = Alias
    extra = 0


@admin.register(Model)
class ModelAdmin(admin.ModelAdmin[Model]):
    list_display = (
        "name",
        "kind",
        "context_length",
        "weight_prompt",
        "weight_completion",
        "visible",
    )
    list_editable = ("weight_prompt", "weight_completion", "visible")
    list_filter = ("kind", "visible")
    search_fields = ("name", "title")
    inlines = (RouteInline, AliasInline)


@admin.register(Route)
class RouteAdmin(admin.ModelAdmin[Route]):
    """Who serves what, and where the provider's own costs drift from our prices."""

    list_display = (
        "model_id",
        "provider",
        "priority",
        "enabled",
        "listed",
        "price_prompt",
        "price_completion",
        "drift",
    )
    list_editable = ("priority", "enabled")
    list_filter = ("provider", "enabled", "listed")
    search_fields = ("model__name", "upstream_name")
    readonly_fields = ("listed", "drift", "synced_at")


@admin.register(ProviderState)
class ProviderStateAdmin(admin.ModelAdmin[ProviderState]):
    list_display = ("name", "enabled", "note")
    list_editable = ("enabled",)


@admin.register(PriceChange)
class PriceChangeAdmin(admin.ModelAdmin[PriceChange]):
    """What providers asked for, and when. Nobody edits history."""

    list_display = ("since", "model", "provider", "price_prompt", "price_completion")
    list_filter = ("provider",)
    search_fields = ("model",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
