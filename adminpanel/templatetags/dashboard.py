"""Template tags that show the dashboard on the first page of the admin site."""

from django import template
from django.template.context import RequestContext
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from adminpanel.dashboard import charts
from adminpanel.dashboard.dashboard import dashboard_for
from adminpanel.reports import origin
from adminpanel.reports.tables import Table
from core import replica

register = template.Library()


@register.simple_tag(takes_context=True)
@replica.reads
@origin.reads
def dashboard(context: RequestContext) -> SafeString:
    """Draw the dashboard, which reads its figures while it is drawn."""
    found = {"dashboard": dashboard_for(context["request"])}
    return render_to_string("adminpanel/dashboard.html", found)


@register.simple_tag
def rows_with_bars(table: Table) -> list[tuple[list[tuple[str, bool]], SafeString]]:
    """Pair each row of a table with its bar, or with nothing; cells say whether they are words."""
    bars = [charts.bar(share) for share in table.bars] or [SafeString("")] * len(table.rows)
    rows = [list(zip(row, table.words, strict=True)) for row in table.shown]
    return list(zip(rows, bars, strict=True))


@register.simple_tag
def headings(table: Table) -> list[tuple[str, bool]]:
    """Return the columns of a table, and whether each has words."""
    return list(zip(table.columns, table.words, strict=True))
