"""The catalog in the admin. Staff edit weights, visibility and the order of providers."""

from typing import Any

from django.contrib import admin
from django.db.models import Field
from django.http import HttpRequest

from core.admin.columns import per_million, usd
from core.admin.pages import ReadOnlyAdmin, StaffAdmin, StaffInline
from llmproxy.admin_fields import options_of
from llmproxy.catalog.weights import remember
from llmproxy.models import Alias, Incident, Model, PriceChange, Route, WeightChange

_PRICES = (per_million("price_prompt"), per_million("price_completion"))
_WEIGHTS = ("weight_prompt", "weight_completion", "weight_cache_read", "weight_cache_write")


class Priced:
    """Lets staff read and write prices in dollars per million tokens, as providers list them."""

    def formfield_for_dbfield(
        self, db_field: Field[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        if db_field.name.startswith("price_"):
            kwargs |= options_of(db_field)
        return super().formfield_for_dbfield(db_field, request, **kwargs)  # type: ignore[misc]


class RouteInline(Priced, StaffInline):
    model = Route
    readonly_fields = ("listed", "drift", "synced_at")


class AliasInline(StaffInline):
    model = Alias


@admin.register(Model)
class ModelAdmin(StaffAdmin):
    list_display = (
        "name",
        "kind",
        "context_length",
        *_WEIGHTS,
        "visible",
    )
    list_editable = (*_WEIGHTS, "visible")
    list_filter = ("kind", "visible")
    search_fields = ("name", "title")
    readonly_fields = ("ratio_cache_read", "ratio_cache_write")
    inlines = (RouteInline, AliasInline)

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: Any) -> None:
        super().save_model(request, obj, form, change)
        remember([obj])


@admin.register(Route)
class RouteAdmin(Priced, StaffAdmin):
    """The routes, with the drift of the provider's own costs from our prices."""

    list_display = (
        "model_id",
        "provider",
        "priority",
        "enabled",
        "listed",
        *_PRICES,
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
    """The history of the providers' prices, read-only."""

    list_display = ("since", "model", "provider", *_PRICES)
    fields = (
        "model",
        "provider",
        *_PRICES,
        per_million("price_cached"),
        per_million("price_cache_write"),
        usd("price_request"),
        "since",
    )
    readonly_fields = fields
    list_filter = ("provider",)
    search_fields = ("model__startswith",)
    ordering = ("-since",)


@admin.register(WeightChange)
class WeightChangeAdmin(ReadOnlyAdmin):
    """The history of the weights, read-only."""

    list_display = ("since", "model", *_WEIGHTS)
    search_fields = ("model__startswith",)
    ordering = ("-since",)


@admin.register(Incident)
class IncidentAdmin(StaffAdmin):
    """What the status page tells users."""

    list_display = ("title", "started_at", "ended_at")
    search_fields = ("title__icontains",)
    ordering = ("-started_at",)
