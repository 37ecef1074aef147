"""Providers in the admin: their health, and the switch that turns them on or off."""

from datetime import UTC, datetime
from functools import partial
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from adminpanel.actions import actions
from adminpanel.reports.customer import when
from adminpanel.reports.tables import Table
from adminpanel.site.action_pages import ask_and_do, staff_of
from adminpanel.site.forms import ActionForm
from core.admin.pages import ReadOnlyAdmin
from llmproxy.models import ProviderState, Route
from llmproxy.providers import configured
from llmproxy.routing import health

_HEADERS = ("Provider", "State", "Health", "Latency", "Last error", "Models", "Why")


@admin.register(ProviderState)
class ProviderAdmin(ReadOnlyAdmin):
    """One page lists every provider that is set up, serves a model, or was switched."""

    def get_urls(self) -> list[URLPattern]:
        switch = path(
            "<str:name>/switch-<str:to>/",
            self.admin_site.admin_view(self.switch),
            name="llmproxy_providerstate_switch",
        )
        return [switch, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the providers as this worker sees them, who hears the others' news each second."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        headers, rows = list(_HEADERS), _rows()
        if _may_switch(request):
            headers.append("Switch")
            rows = [[*row, _link(row)] for row in rows]
        table = Table("providers", "Providers", headers, rows)
        context = {"title": table.title, "table": table}
        return render(request, "adminpanel/providers.html", self._with_site(request, context))

    def switch(self, request: HttpRequest, name: str, to: str) -> HttpResponse:
        """Ask why, then switch the provider on or off."""
        if not _may_switch(request):
            raise PermissionDenied
        if to not in ("on", "off") or name not in [row[0] for row in _rows()]:
            raise Http404
        return ask_and_do(
            request,
            form=ActionForm(request.POST or None),
            do=partial(
                actions.switch_provider, staff=staff_of(request), name=name, enabled=to == "on"
            ),
            back=reverse("admin:llmproxy_providerstate_changelist"),
            context=self._with_site(request, {"title": f"Switch {name} {to}"}),
        )

    def _with_site(self, request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
        return {**self.admin_site.each_context(request), "opts": self.opts, **context}


def _may_switch(request: HttpRequest) -> bool:
    return request.user.has_perm("llmproxy.change_providerstate")


def _rows() -> list[list[Any]]:
    states = {state.name: state for state in ProviderState.objects.all()}
    served = Route.objects.filter(enabled=True, listed=True).values_list("provider")
    models = dict(served.annotate(Count("pk")).order_by())
    names = [*configured(), *sorted({*states, *models} - set(configured()))]
    return [_row(name, states.get(name), models.get(name, 0)) for name in names]


def _row(name: str, state: ProviderState | None, models: int) -> list[Any]:
    seen = health.describe(name)
    is_on = state is None or state.enabled
    latency = seen["latency_ms"]
    failed_at = seen["last_error_at"]
    failed = when(datetime.fromtimestamp(failed_at, UTC)) if failed_at else ""
    return [
        name,
        "on" if is_on else "off",
        seen["health"] if name in configured() else "not set up",
        "-" if latency is None else f"{latency} ms",
        f"{seen['last_error']} ({failed})" if seen["last_error"] else "-",
        models,
        state.note if state else "",
    ]


def _link(row: list[Any]) -> str:
    name, state = row[:2]
    to = "off" if state == "on" else "on"
    there = reverse("admin:llmproxy_providerstate_switch", args=(name, to))
    return format_html('<a class="staff-link" href="{}">Switch {}</a>', there, to)
