"""The catalog in the admin: weights, visibility and the order of providers are the staff's."""

from django.contrib import admin

from llmproxy.models import Model, Route


class RouteInline(admin.TabularInline[Route, Model]):
    model = Route
    extra = 0
    readonly_fields = ("synced_at",)


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
    inlines = (RouteInline,)
