"""The catalog in the admin: weights, visibility and the order of providers are the staff's."""

from django.contrib import admin
from unfold.admin import TabularInline

from config.staff_pages import ReadOnlyAdmin, StaffAdmin
from llmproxy.models import Alias, Model, PriceChange, Route


class RouteInline(TabularInline):  # type: ignore[misc]  # untyped
    model = Route
    extra = 0
    readonly_fields = ("listed", "drift", "synced_at")


class AliasInline(TabularInline):  # type: ignore[misc]  # untyped
    model = Alias
    extra = 0


@admin.register(Model)
class ModelAdmin(StaffAdmin):
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
class RouteAdmin(StaffAdmin):
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
    autocomplete_fields = ("model",)
    ordering = ("model_id", "priority", "id")
    readonly_fields = ("listed", "drift", "synced_at")


@admin.register(Alias)
class AliasAdmin(StaffAdmin):
    list_display = ("name", "model_id")
    search_fields = ("name__startswith", "model__name__startswith")
    autocomplete_fields = ("model",)


@admin.register(PriceChange)
class PriceChangeAdmin(ReadOnlyAdmin):
    """What providers asked for, and when. Nobody edits history."""

    list_display = ("since", "model", "provider", "price_prompt", "price_completion")
    list_filter = ("provider",)
    search_fields = ("model__startswith",)
    ordering = ("-since",)
