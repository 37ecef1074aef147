"""What every page of the admin site has in common; each app's `admin` builds on it.

Lists are made for millions of rows: nothing is counted past a bound, and what staff search for is
looked up by indexes.
"""

from datetime import timedelta
from typing import Any, ClassVar

from django.contrib.admin import SimpleListFilter
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin
from unfold.checks import UnfoldModelAdminChecks

COUNTED = 10_000
_FOUND_USERS = 100


class BoundedPaginator(Paginator[Any]):
    """Counts rows up to ``COUNTED``: the pages end there, and filters lead further."""

    @cached_property
    def count(self) -> int:
        if isinstance(self.object_list, QuerySet):
            return self.object_list.order_by()[:COUNTED].count()
        return len(self.object_list)


class _Checks(UnfoldModelAdminChecks):  # type: ignore[misc]  # untyped
    """Look for no permissions in the database: the checks run before its tables are made."""

    def _check_unfold_action_permission_methods(self, obj: Any) -> list[CheckMessage]:
        return []


class StaffAdmin(ModelAdmin):  # type: ignore[misc]  # unfold says nothing of its types
    """Rows that staff may edit, as far as their group allows."""

    checks_class = _Checks
    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 50
    list_fullwidth = True
    warn_unsaved_form = True


class ReadOnlyAdmin(StaffAdmin):
    """Rows to look at: nobody adds, changes or deletes them here, not even a superuser."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class OfUsersAdmin(ReadOnlyAdmin):
    """Rows of users: found by how the user's e-mail begins, or by their own indexed columns.

    The users are looked up first: no index serves an `OR` over two tables.
    """

    list_select_related: ClassVar[tuple[str, ...]] = ("user",)
    search_fields: ClassVar[tuple[str, ...]] = ("user__email",)
    search_help_text = "The beginning of an e-mail address, or a whole id"
    exactly: ClassVar[tuple[str, ...]] = ("pk",)
    of_user = "user"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip().replace("\x00", "")
        if not term:
            return queryset, False
        users = get_user_model().objects.filter(email__startswith=term.lower())
        found = Q(
            **{f"{self.of_user}__in": list(users.values_list("pk", flat=True)[:_FOUND_USERS])}
        )
        for name in self.exactly:
            found |= self._is_exactly(name, term)
        return queryset.filter(found), False

    def _is_exactly(self, name: str, term: str) -> Q:
        field = self.opts.pk if name == "pk" else self.opts.get_field(name)
        try:
            return Q(**{name: field.clean(term, None)})
        except ValidationError:
            return Q()


class RecentFilter(SimpleListFilter):
    """A window of time on the indexed `created_at`; a week, unless staff search or choose."""

    title = "time"
    parameter_name = "days"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        self.searches = bool(request.GET.get("q"))
        return [("1", "Past day"), ("7", "Past 7 days"), ("30", "Past 30 days"), ("all", "All")]

    def choices(self, changelist: Any) -> Any:
        return list(super().choices(changelist))[1:]  # without "All", which stands among them

    def value(self) -> str:
        return super().value() or ("all" if self.searches else "7")

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        days = self.value()
        if not days.isdecimal() or int(days) > 10_000:
            return queryset
        return queryset.filter(created_at__gte=timezone.now() - timedelta(days=int(days)))
