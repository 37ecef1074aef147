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
from adminpanel.reports.source import reads_again, snapshot
from core import replica

Page = Dashboard | MarginPage | RefusedPage


@require_GET
@staff_member_required
@replica.reads
@reads_again
def margin(request: HttpRequest) -> HttpResponse:
    """Show revenue, cost and margin of some days, and the MRR by month."""
    return _shown(request, "Margin", margin_page(request))


@require_GET
@staff_member_required
@replica.reads
@reads_again
def refused(request: HttpRequest) -> HttpResponse:
    """Show the users who met a limit or an empty balance."""
    return _shown(request, "Refused requests", refused_page(request))


@require_GET
@staff_member_required
@replica.reads
@reads_again
def export(request: HttpRequest, name: str) -> HttpResponse:
    """Answer a table of these pages as CSV, of the same days and for the same reader."""
    page = _page_of(request, name)
    if page is None:
        raise PermissionDenied
    with snapshot():
        table = next((table for table in page.tables if table.name == name), None)
        as_of = page.as_of
    if table is None or page.days.error:
        raise Http404
    read_at = f"-as-of-{as_of.moment:%Y%m%dT%H%MZ}" if as_of else ""
    file = f"{name}-{page.days.first}-{page.days.last}{read_at}.csv"
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
    with snapshot():  # they are read while they are rendered
        return render(request, "adminpanel/report.html", facts)
