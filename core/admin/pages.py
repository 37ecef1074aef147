"""The shared base of all admin pages; each app's `admin` uses it.

Lists are made for millions of rows: counts are bounded, and searches use indexes.

A list can be filtered only by what its page declares (``list_filter``, ``date_hierarchy``), because
a hidden column could be read through a filter, one character at a time. Rows of users, and users,
can be changed only by staff who are above those users in rank (core/admin/rank.py).
"""

from collections.abc import Callable
from datetime import timedelta
from functools import reduce, wraps
from typing import Any, ClassVar

from django.contrib.admin import SimpleListFilter
from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage
from django.core.exceptions import FieldDoesNotExist, PermissionDenied, ValidationError
from django.core.paginator import Page, Paginator
from django.db.models import Model, Q, QuerySet
from django.forms.models import BaseInlineFormSet, BaseModelFormSet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin, TabularInline
from unfold.checks import UnfoldModelAdminChecks
from unfold.views import ChangeList

from core.admin import rank
from core.admin.names import name_of
from core.errors import PermissionDenied as Refused

COUNTED = 10_000
_FOUND_USERS = 100


class BoundedPaginator(Paginator[Any]):
    """Counts rows up to ``COUNTED``: the pages end there, and filters lead further.

    The keys of a page's rows are read first: otherwise PostgreSQL joins all rows with their users
    before it sorts them.
    """

    @cached_property
    def count(self) -> int:
        if isinstance(self.object_list, QuerySet):
            return self.object_list.order_by()[:COUNTED].count()
        return len(self.object_list)

    def page(self, number: int | str) -> Page[Any]:
        found = super().page(number)
        if isinstance(found.object_list, QuerySet) and isinstance(self.object_list, QuerySet):
            keys = list(found.object_list.values_list("pk", flat=True))
            found.object_list = self.object_list.filter(pk__in=keys)
        return found


class _Checks(UnfoldModelAdminChecks):  # type: ignore[misc]  # untyped
    """Look for no permissions in the database: the checks run before its tables are made."""

    def _check_unfold_action_permission_methods(self, obj: Any) -> list[CheckMessage]:
        return []


class DeclaredLookups(ChangeList):  # type: ignore[misc]  # untyped
    """A list whose address may say only what the filters of its page take from it.

    Django filters by any other parameter that names a column, too; here it is an error 400. The
    list's title is its name in the menu.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = name_of(self.opts)

    def get_filters(self, request: HttpRequest) -> Any:
        try:
            found = super().get_filters(request)
        except IncorrectLookupParameters as odd:
            if isinstance(odd.__cause__, FieldDoesNotExist):
                raise DisallowedModelAdminLookup(str(odd)) from odd
            raise
        hierarchy = {f"{self.date_hierarchy}__gte", f"{self.date_hierarchy}__lt"}
        for name in found[2]:
            if name not in hierarchy:
                raise DisallowedModelAdminLookup(f"Filtering by {name} not allowed")
        return found


class _Labeled:
    """Names the inputs of a table for screen readers: the columns' headers are no labels."""

    def add_fields(self, form: Any, index: int | None) -> None:
        super().add_fields(form, index)  # type: ignore[misc]
        row = f": {form.instance}" if form.instance.pk else ""
        for field in form.fields.values():
            field.widget.attrs["aria-label"] = f"{field.label}{row}"


class _LabeledFormSet(_Labeled, BaseModelFormSet[Any, Any]):
    pass


class _LabeledInlineFormSet(_Labeled, BaseInlineFormSet[Any, Any, Any]):
    pass


class StaffInline(TabularInline):  # type: ignore[misc]  # untyped
    """Rows of another table on the page of the one that they belong to."""

    formset = _LabeledInlineFormSet
    extra = 0


class StaffAdmin(ModelAdmin):  # type: ignore[misc]  # unfold says nothing of its types
    """Rows that staff may edit, as far as their group allows. Every page of the site is one."""

    checks_class = _Checks
    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 50
    list_fullwidth = True
    warn_unsaved_form = True

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return DeclaredLookups

    def get_changelist_formset(self, request: HttpRequest, **kwargs: Any) -> Any:
        """Return the formset of a list whose cells are inputs, each labeled by column and row."""
        return super().get_changelist_formset(request, formset=_LabeledFormSet, **kwargs)

    def to_field_allowed(self, request: HttpRequest, to_field: str) -> bool:
        """Name rows by their primary key only."""
        return to_field in ("pk", self.opts.pk.name)

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Model | None:
        """Find a row by its key; an empty `_to_field` in the address names no column."""
        found: Model | None = super().get_object(request, object_id, from_field or None)
        return found


class SuperuserAdmin(StaffAdmin):
    """Rows that give power over others: seen by whoever has the permission, changed by superusers.

    Whoever could change them would give rights that they lack.
    """

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.is_superuser and bool(super().has_add_permission(request))

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.is_superuser and bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.is_superuser and bool(super().has_delete_permission(request, obj))


class ReadOnlyAdmin(StaffAdmin):
    """Read-only rows, for superusers as well."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class Ranked(StaffAdmin):
    """Rows of users, which only staff above the user in rank can change.

    This holds for the form, for deletion, and for every action, of one row and of many: a selection
    with one row out of reach is refused whole. ``of_user`` is the path to the user.
    """

    of_user = "user"

    def user_of(self, obj: Any) -> Any:
        """Return whose row it is; None for one that is nobody's."""
        path = () if self.of_user == "pk" else self.of_user.split("__")
        return reduce(lambda row, name: row and getattr(row, name), path, obj)

    def is_in_reach(self, request: HttpRequest, obj: Any) -> bool:
        user = None if obj is None else self.user_of(obj)
        return user is None or rank.may_act_on(request.user, user)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(super().has_change_permission(request, obj)) and self.is_in_reach(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(super().has_delete_permission(request, obj)) and self.is_in_reach(request, obj)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        return {
            name: (self._within_reach(act), *described)
            for name, (act, *described) in super().get_actions(request).items()
        }

    def _within_reach(self, act: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(act)
        def acting(page: Any, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
            try:
                rank.require_of_all(request.user, rank.users_of(queryset, self.of_user))
            except Refused as refused:
                raise PermissionDenied(refused.message) from refused
            return act(page, request, queryset)

        return acting


class OfUsersAdmin(ReadOnlyAdmin, Ranked):
    """Rows of users: found by how the user's email begins, or by their own indexed columns.

    The users are looked up first: no index serves an `OR` over two tables.
    """

    list_select_related: ClassVar[tuple[str, ...]] = ("user",)
    search_fields: ClassVar[tuple[str, ...]] = ("user__email",)
    search_help_text = "The beginning of an email address, or a whole id"
    exactly: ClassVar[tuple[str, ...]] = ("pk",)

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
