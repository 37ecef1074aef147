"""Admin page of API keys: read-only, except for revoking them."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from apikeys import keys
from apikeys.models import ApiKey
from core.admin.pages import OfUsersAdmin


@admin.register(ApiKey)
class ApiKeyAdmin(OfUsersAdmin):
    list_display = ("prefix", "name", "user", "created_at", "last_used_at", "revoked_at")
    list_filter = ("created_at", ("revoked_at", admin.EmptyFieldListFilter))
    ordering = ("-created_at",)
    exclude = ("digest", "previous_digest")
    actions = ("revoke",)

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("apikeys.change_apikey")

    @admin.action(description="Revoke the selected API keys", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        for key in queryset:
            keys.revoke(key)
            self.log_change(request, key, "Revoked.")
        self.message_user(request, f"{len(queryset)} keys are revoked.")
