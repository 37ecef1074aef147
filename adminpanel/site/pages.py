"""Views of the admin site in addition to Django's."""

from django.contrib import admin
from django.contrib.admin.views.decorators import staff_member_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from adminpanel.dashboard.dashboard import Dashboard, dashboard_for
from adminpanel.dashboard.margin import MarginPage, margin_page
from adminpanel.dashboard.refused import RefusedPage, refused_page
from adminpanel.reports import origin
from core import replica

Page = Dashboard | MarginPage | RefusedPage


@require_GET
@staff_member_required
@replica.reads
@origin.reads
def margin(request: HttpRequest) -> HttpResponse:
    """Show revenue, cost and margin of some days, and the MRR by month."""
    return _shown(request, "Margin", margin_page(request))


@require_GET
@staff_member_required
@replica.reads
def refused(request: HttpRequest) -> HttpResponse:
    """Show the users who met a limit or an empty balance."""
    return _shown(request, "Refused requests", refused_page(request))


@require_GET
@staff_member_required
@replica.reads
@origin.reads
def export(request: HttpRequest, name: str) -> HttpResponse:
    """Answer a table of these pages as CSV, of the same days and for the same reader."""
    page = _page_of(request, name)
    if page is None:
        raise PermissionDenied
    table = next((table for table in page.tables if table.name == name), None)
    if table is None or page.days.error:
        raise Http404
    file = f"{name}-{page.days.first}-{page.days.last}.csv"
    return HttpResponse(
        table.csv,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{file}"'},
    )


def _page_of(request: HttpRequest, name: str) -> Page | None:
    if name in MarginPage.names:
        return margin_page(request)
    return refused_page(request) if name in RefusedPage.names else dashboard_for(request)


def _shown(request: HttpRequest, title: str, page: Page | None) -> HttpResponse:
    if page is None:
        raise PermissionDenied
    facts = {**admin.site.each_context(request), "title": title, "dashboard": page}
    return render(request, "adminpanel/report.html", facts)
