"""Views of the admin site in addition to Django's."""

from django.contrib.admin.views.decorators import staff_member_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from adminpanel.dashboard.dashboard import dashboard_for
from core import replica


@require_GET
@staff_member_required
@replica.reads
def export(request: HttpRequest, name: str) -> HttpResponse:
    """Answer a table of the dashboard as CSV, of the same days and for the same reader."""
    dashboard = dashboard_for(request)
    if dashboard is None:
        raise PermissionDenied
    table = dashboard.table(name)
    if table is None or dashboard.error:
        raise Http404
    file = f"{name}-{dashboard.first}-{dashboard.last}.csv"
    return HttpResponse(
        table.csv,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{file}"'},
    )
