"""Template tags that show the dashboard on the first page of the admin site."""

from collections.abc import Sequence
from html import escape
from itertools import zip_longest

from django import template
from django.template.context import RequestContext
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from adminpanel.dashboard import charts
from adminpanel.dashboard.dashboard import dashboard_for
from adminpanel.reports.source import reads_again, snapshot
from adminpanel.reports.tables import Table
from core import replica

register = template.Library()


@register.simple_tag(takes_context=True)
@replica.reads
@reads_again
def dashboard(context: RequestContext) -> SafeString:
    """Draw the dashboard, which reads its figures while it is drawn."""
    found = {"dashboard": dashboard_for(context["request"])}
    with snapshot():
        return render_to_string("adminpanel/dashboard.html", found)


@register.simple_tag
def rows(table: Table) -> SafeString:
    """Draw the rows of a table, each with its bar if it has one.

    A year has 5,000 cells, which take a template several times as long.
    """
    bars = [format_html("<td>{}</td>", charts.bar(share)) for share in table.bars]
    classes = [' class="words"' if words else "" for words in table.words]
    drawn = zip_longest(table.shown, bars, fillvalue="")
    found = "".join(_row(row, classes, bar) for row, bar in drawn)
    return mark_safe(found)  # noqa: S308 # nosec B308 B703  # of escaped cells


def _row(row: Sequence[str], classes: Sequence[str], bar: str) -> str:
    cells = (
        f"<td{kind}>{escape(cell)}</td>" for cell, kind in zip(row[1:], classes[1:], strict=True)
    )
    return f'<tr><th scope="row">{escape(row[0])}</th>{"".join(cells)}{bar}</tr>'


@register.simple_tag
def headings(table: Table) -> list[tuple[str, bool]]:
    """Return the columns of a table, and whether each has words."""
    return list(zip(table.columns, table.words, strict=True))
