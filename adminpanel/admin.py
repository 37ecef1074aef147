"""Admin pages that need more than one app."""

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.models import LogEntry

from adminpanel.site import customer_pages, provider_pages, refund_pages  # noqa: F401 - they register pages
from core.admin.pages import OfUsersAdmin


@admin.register(LogEntry)
class AuditAdmin(OfUsersAdmin):
    """The audit log of staff actions. Read-only."""

    list_display = ("action_time", "user", "content_type", "object_repr", "what")
    list_filter = ("action_time", "action_flag", ("content_type", admin.RelatedOnlyFieldListFilter))
    list_select_related: ClassVar[tuple[str, ...]] = ("user", "content_type")
    search_help_text = "The beginning of the email address of the one who did it"
    exactly: ClassVar[tuple[str, ...]] = ("pk",)
    ordering = ("-action_time",)
    fields = ("action_time", "user", "content_type", "object_id", "object_repr", "what")

    @admin.display(description="What and why")
    def what(self, entry: Any) -> str:
        return str(entry.get_change_message() or entry.get_action_flag_display())
