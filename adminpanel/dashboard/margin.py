"""The page of revenue, cost and margin: by plan, model and user, and the MRR by month."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any, ClassVar

from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from adminpanel.dashboard import charts
from adminpanel.dashboard.charts import Chart, Series, compact
from adminpanel.dashboard.dashboard import SEES_MONEY, Tile, dollars
from adminpanel.reports import days, margin, recurring
from adminpanel.reports.days import Chosen, Span
from adminpanel.reports.margin import Margin
from adminpanel.reports.recurring import Recurring
from adminpanel.reports.source import AsOf, UsageSource, as_of, open_source
from adminpanel.reports.tables import Table
from tokens.periods import months_after

_LOSING = 20
_LOSING_DAYS = 92
_MONTHS = 12
_COLUMNS = ("Tokens charged", "Revenue, USD", "Upstream cost, USD", "Margin, USD", "Margin share")


@dataclass
class MarginPage:
    """The page of some days, which all its figures but the MRR are of."""

    names: ClassVar[tuple[str, ...]] = (
        "margin-plans",
        "margin-models",
        "margin-users",
        "mrr-months",
    )
    days: Chosen

    @property
    def query(self) -> str:
        return self.days.query

    @property
    def as_of(self) -> AsOf | None:
        return as_of(self._source, until=self.days.span["until"])

    @cached_property
    def tiles(self) -> list[Tile]:
        cost = sum((row.cost for row in self._plans), Decimal(0))
        last = self._months[-1] if self._months else None
        return [
            Tile("Revenue", dollars(self._revenue)),
            Tile("Upstream cost", dollars(cost)),
            Tile("Margin", dollars(self._revenue - cost)),
            *([Tile(f"MRR at the end of {last.month:%Y-%m}", dollars(last.mrr))] if last else []),
        ]

    @cached_property
    def charts(self) -> list[SafeString]:
        labels = [f"{row.month:%Y-%m}" for row in self._months]
        return [
            charts.columns(Chart("MRR at the end of the month, USD", labels, [
                Series("MRR", [float(row.mrr) for row in self._months], "2"),
            ], compact)),
            charts.lines(Chart("Revenue churn of the month", labels, [
                Series("churn", [row.churn for row in self._months], "bad"),
            ], charts.percent)),
        ]  # fmt: skip

    @cached_property
    def tables(self) -> list[Table]:
        models = margin.by_model(self._source, **self.days.span, revenue=self._revenue)
        return [
            _table("margin-plans", f"By plan, {self.days.title}", "Plan", self._plans),
            _table("margin-models", f"By model, {self.days.title}", "Model", models),
            self._losing(),
            self._by_month(),
        ]

    @cached_property
    def _source(self) -> UsageSource:
        return open_source()

    @cached_property
    def _plans(self) -> list[Margin]:
        return margin.by_plan(self._source, **self.days.span)

    @cached_property
    def _revenue(self) -> Decimal:
        return sum((row.revenue for row in self._plans), Decimal(0))

    def _losing(self) -> Table:
        """Return who costs more than they pay; of a long range its end, as rows are by user."""
        span: Span = self.days.span
        span["since"] = max(span["since"], span["until"] - timedelta(days=_LOSING_DAYS))
        rows = margin.losing_users(self._source, **span, at_most=_LOSING)
        return Table(
            "margin-users",
            f"Users who cost more than they pay, {span['since']} to {self.days.last}",
            ["User", "Plan", *_COLUMNS],
            [[row.key, row.plan or "none", *_figures(row)] for row in rows],
        )

    def _by_month(self) -> Table:
        return Table(
            "mrr-months",
            f"MRR by month, the last {_MONTHS} that are over",
            ["Month", "MRR, USD", "New", "Expansion", "Contraction", "Churned", "Revenue churn"],
            [
                [f"{row.month:%Y-%m}", row.mrr, row.new, row.expansion, row.contraction,
                 row.churned, row.churn]
                for row in reversed(self._months)
            ],
        )  # fmt: skip

    @cached_property
    def _months(self) -> list[Recurring]:
        now = timezone.now().astimezone(UTC)
        this = datetime(now.year, now.month, 1, tzinfo=UTC)
        starts = [months_after(this, number) for number in range(-_MONTHS, 1)]
        return recurring.months(starts, currency=margin.CURRENCY)


def margin_page(request: HttpRequest) -> MarginPage | None:
    """Return the page of the days asked for; None for who sees no money."""
    may = request.user.has_perm(SEES_MONEY)
    return MarginPage(days.chosen(request.GET)) if may else None


def _table(name: str, title: str, first: str, rows: list[Margin]) -> Table:
    return Table(
        name, title, [first, *_COLUMNS], [[row.key or "none", *_figures(row)] for row in rows]
    )


def _figures(row: Margin) -> list[Any]:
    return [row.charged, row.revenue, row.cost, row.margin, row.share]
