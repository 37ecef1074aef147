"""Template tags that show the dashboard on the first page of the admin site."""

from django import template
from django.template.context import RequestContext
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from adminpanel.dashboard import charts
from adminpanel.dashboard.dashboard import dashboard_for
from adminpanel.reports.tables import Table
from core import replica

register = template.Library()


@register.simple_tag(takes_context=True)
@replica.reads
def dashboard(context: RequestContext) -> SafeString:
    """Draw the dashboard, which reads its figures while it is drawn."""
    found = {"dashboard": dashboard_for(context["request"])}
    return SafeString(render_to_string("adminpanel/dashboard.html", found))


@register.simple_tag
def rows_with_bars(table: Table) -> list[tuple[list[str], SafeString]]:
    """Pair each row of a table with its bar, or with nothing."""
    bars = [charts.bar(share) for share in table.bars] or [SafeString("")] * len(table.rows)
    return list(zip(table.shown, bars, strict=True))
