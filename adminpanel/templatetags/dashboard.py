"""Template tags that show the dashboard on the first page of the admin site."""

from typing import Any

from django import template
from django.template.context import RequestContext
from django.utils.safestring import SafeString

from adminpanel.dashboard import charts
from adminpanel.dashboard.dashboard import dashboard_for
from adminpanel.reports.tables import Table

register = template.Library()


@register.inclusion_tag("adminpanel/dashboard.html", takes_context=True)
def dashboard(context: RequestContext) -> dict[str, Any]:
    return {"dashboard": dashboard_for(context["request"])}


@register.simple_tag
def rows_with_bars(table: Table) -> list[tuple[list[str], SafeString]]:
    """Pair each row of a table with its bar, or with nothing."""
    bars = [charts.bar(share) for share in table.bars] or [SafeString("")] * len(table.rows)
    return list(zip(table.shown, bars, strict=True))
