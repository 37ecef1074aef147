"""The contents of the staff dashboard for a range of days: figures, charts and tables.

All usage comes from one source (``adminpanel.reports.source``), and the page tells as of when.
Revenue and costs are visible only to staff who can change plans.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property
from itertools import groupby
from typing import Any

from django.http import HttpRequest
from django.utils.safestring import SafeString

from accounts.models import User
from adminpanel.dashboard import charts
from adminpanel.dashboard.charts import Chart, Series, compact, percent
from adminpanel.reports import days, revenue
from adminpanel.reports import usage as statistics
from adminpanel.reports.days import Chosen, Span, today
from adminpanel.reports.source import AsOf, UsageSource, as_of, open_source
from adminpanel.reports.tables import Table, readable
from tokens.usage.by_user import TopBy
from tokens.usage.totals import DayTotals, Totals, added

SEES_USAGE = "tokens.view_usagerecord"
SEES_MONEY = "billing.change_plan"
_BY_DAY = 93
"""More days than these are drawn by week."""
_TOP_USERS = 10
_TOP_DAYS = 31


@dataclass(frozen=True)
class Tile:
    title: str
    value: str


@dataclass(frozen=True)
class _Step:
    """What a chart shows at one place: the sums of a day, or of the week that it begins."""

    day: date
    sums: Totals
    users: float
    """A day's active users, or their mean in a week."""

    @property
    def label(self) -> str:
        return f"{self.day:%d %b}"


@dataclass
class Dashboard:
    """The dashboard of some days, for a reader with these permissions."""

    days: Chosen
    sees_money: bool
    top_by: TopBy = "charged"
    """What orders the top users."""

    @property
    def as_of(self) -> AsOf | None:
        until = self._span["until"]
        if self.sees_money:  # The table of months has them whole.
            until = (self.last.replace(day=1) + timedelta(days=31)).replace(day=1)
        return as_of(self._source, until=until)

    @cached_property
    def tiles(self) -> list[Tile]:
        total = self._total
        return [
            Tile("Requests", readable(total.requests)),
            Tile("Active users", readable(self._users)),
            Tile("Tokens charged", compact(float(total.charged))),
            Tile("Errors", percent(_share(total.errors, total.requests))),
            *(
                Tile(f"Latency {name}", _ms(value))
                for name, value in total.latency_ms._asdict().items()
            ),
        ]

    @cached_property
    def money_tiles(self) -> list[Tile]:
        if not self.sees_money:
            return []
        months = self._revenue["months"]
        earned = sum((month["revenue"] for month in months), Decimal(0))
        spent = sum((month["upstream_cost"] for month in months), Decimal(0))
        margin = sum((month["margin"] for month in months), Decimal(0))
        # Revenue, cost and margin are of the same months: one is the difference of the others.
        span = f"{months[0]['month']} to {months[-1]['month']}" if months else "no month"
        return [
            Tile("MRR now", dollars(self._revenue["mrr"])),
            Tile("Subscribers", readable(sum(p["subscribers"] for p in self._revenue["plans"]))),
            Tile(f"Revenue, {span}", dollars(earned)),
            Tile(f"Upstream cost, {span}", dollars(spent)),
            Tile(f"Margin, {span}", dollars(margin)),
            Tile("New", readable(sum(month["new"] for month in months))),
            Tile("Churned", readable(sum(month["churned"] for month in months))),
            Tile("Failed payments", readable(sum(month["failed_payments"] for month in months))),
        ]

    @cached_property
    def charts(self) -> list[SafeString]:
        steps = self._steps
        sums = [step.sums for step in steps]
        labels = [step.label for step in steps]
        return [
            charts.columns(Chart(f"Requests by {self._step}", labels, [
                Series("answered", [each.requests - each.errors for each in sums]),
                Series("errors", [each.errors for each in sums], "bad"),
            ], compact)),
            charts.columns(Chart(f"Tokens by {self._step}", labels, [
                Series("prompt", [each.prompt_tokens for each in sums]),
                Series("completion", [each.completion_tokens for each in sums], "2"),
            ], compact)),
            charts.lines(Chart("Latency of answers", labels, [
                Series("p50", [each.latency_ms.p50 for each in sums]),
                Series("p95", [each.latency_ms.p95 for each in sums], "3"),
                Series("p99", [each.latency_ms.p99 for each in sums], "bad"),
            ], _ms)),
            charts.lines(Chart("Errors of all requests", labels, [
                Series("share", [_share(each.errors, each.requests) for each in sums], "bad"),
            ], percent)),
            charts.lines(Chart(f"Active users a day{self._mean}", labels, [
                Series("users", [step.users for step in steps], "4"),
            ], compact)),
        ]  # fmt: skip

    @cached_property
    def money_charts(self) -> list[SafeString]:
        if not self.sees_money:
            return []
        months = self._revenue["months"]
        labels = [month["month"] for month in months]
        steps = self._steps
        return [
            charts.columns(Chart("Revenue by month, USD", labels, [
                Series("revenue", [float(month["revenue"]) for month in months], "2"),
            ], compact)),
            charts.lines(Chart("Subscriptions by month", labels, [
                Series("new", [month["new"] for month in months], "2"),
                Series("churned", [month["churned"] for month in months], "bad"),
                Series("failed payments", [month["failed_payments"] for month in months], "3"),
            ], compact)),
            charts.columns(Chart(
                f"Upstream cost by {self._step}, USD",
                [step.label for step in steps],
                [Series("cost", [float(step.sums.cost) for step in steps], "3")],
                compact,
            )),
        ]  # fmt: skip

    @cached_property
    def tables(self) -> list[Table]:
        found = [self._usage_table(name) for name in ("model", "provider", "plan")]
        found.append(self._top_users())
        if self.sees_money:
            found.extend([self._months(), self._mrr()])
        return [*found, self._days()]

    def table(self, name: str) -> Table | None:
        """Return the table of that name, if there is one for this reader."""
        return next((table for table in self.tables if table.name == name), None)

    @property
    def first(self) -> date:
        return self.days.first

    @property
    def last(self) -> date:
        return self.days.last

    @property
    def query(self) -> str:
        """The days and the order, for addresses."""
        return f"{self.days.query}&top={self.top_by}"

    @cached_property
    def _source(self) -> UsageSource:
        return open_source()

    @property
    def _span(self) -> Span:
        return self.days.span

    @cached_property
    def _total(self) -> Totals:
        return added(self._by_day)

    @cached_property
    def _users(self) -> int:
        return self._source.active_users(**self._span)

    @cached_property
    def _by_day(self) -> list[DayTotals]:
        found = {row.day: row for row in self._source.by_day("all", **self._span)}
        number = (self.last - self.first).days + 1
        days = (self.first + timedelta(days=each) for each in range(number))
        return [found.get(day, DayTotals(day=day)) for day in days] if found else []

    @property
    def _is_by_day(self) -> bool:
        return (self.last - self.first).days < _BY_DAY

    @property
    def _step(self) -> str:
        return "day" if self._is_by_day else "week"

    @property
    def _mean(self) -> str:
        return "" if self._is_by_day else ", mean of each week"

    @cached_property
    def _steps(self) -> list[_Step]:
        """The days as they are, or summed to weeks that begin on Monday."""
        if self._is_by_day:
            return [_Step(row.day, row, row.users or 0) for row in self._by_day]
        weeks = groupby(self._by_day, lambda row: row.day - timedelta(row.day.weekday()))
        return [_week(monday, list(rows)) for monday, rows in weeks]

    @cached_property
    def _revenue(self) -> revenue.Report:
        """The report of the months that the days touch."""
        now = today()
        back = (now.year - self.first.year) * 12 + now.month - self.first.month
        report = revenue.report(self._source, months=max(0, back) + 1, currency="usd")
        span = f"{self.first:%Y-%m}", f"{self.last:%Y-%m}"
        months = [month for month in report["months"] if span[0] <= month["month"] <= span[1]]
        return {**report, "months": months}

    def _usage_table(self, by: statistics.Group) -> Table:
        rows = statistics.usage(self._source, **self._span, group=by)
        most = max((row.charged for row in rows), default=0) or 1
        return Table(
            f"{by}s",
            f"By {by}",
            self._columns(by.capitalize()),
            [[row.key or "none", *self._figures(row)] for row in rows],
            [row.charged / most for row in rows],
        )

    def _days(self) -> Table:
        return Table(
            "days",
            "By day",
            [*self._columns("Day"), "Active users"],
            [
                [f"{row.day:%Y-%m-%d}", *self._figures(row), row.users]
                for row in reversed(self._by_day)
            ],
        )

    def _columns(self, first: str) -> list[str]:
        money = ["Upstream cost, USD"] if self.sees_money else []
        return [first, "Requests", "Errors", "Error rate", "Prompt tokens", "Completion tokens",
                "Charged", "p50 ms", "p95 ms", "p99 ms", *money]  # fmt: skip

    def _figures(self, row: Totals) -> list[Any]:
        return [
            row.requests,
            row.errors,
            _share(row.errors, row.requests),
            row.prompt_tokens,
            row.completion_tokens,
            row.charged,
            *row.latency_ms,
            *([row.cost] if self.sees_money else []),
        ]

    def _top_users(self) -> Table:
        """Return the top users; of a long range only its end, because rows are by user and day."""
        until = self._span["until"]
        since = max(self.first, until - timedelta(days=_TOP_DAYS))
        found = self._source.top_users(since=since, until=until, at_most=_TOP_USERS, by=self.top_by)
        ids = [sums.user_id for sums in found]
        emails = dict(User.objects.filter(pk__in=ids).values_list("pk", "email"))
        order = [float(getattr(sums, self.top_by)) for sums in found]
        most = max(order, default=0.0) or 1.0
        order_title = "upstream cost" if self.top_by == "cost" else "tokens charged"
        title = f"Top users by {order_title}"
        if since != self.first:
            title += f", of the last {_TOP_DAYS} days"
        money = ["Upstream cost, USD"] if self.sees_money else []
        return Table(
            "users",
            title,
            ["User", "Requests", "Charged", *money],
            [
                [emails[sums.user_id], sums.requests, sums.charged,
                 *([sums.cost] if self.sees_money else [])]
                for sums in found
            ],
            [value / most for value in order],
        )  # fmt: skip

    def _months(self) -> Table:
        return Table(
            "months",
            "By month",
            ["Month", "Revenue, USD", "Upstream cost, USD", "Margin, USD", "New", "Churned",
             "Churn rate", "Failed payments"],
            [
                [month["month"], month["revenue"], month["upstream_cost"], month["margin"],
                 month["new"], month["churned"], month["churn_rate"], month["failed_payments"]]
                for month in reversed(self._revenue["months"])
            ],
        )  # fmt: skip

    def _mrr(self) -> Table:
        plans = self._revenue["plans"]
        most = max((plan["mrr"] for plan in plans), default=Decimal(0)) or Decimal(1)
        return Table(
            "mrr",
            "MRR by plan, now",
            ["Plan", "Subscribers", "MRR, USD"],
            [[plan["plan"], plan["subscribers"], plan["mrr"]] for plan in plans],
            [float(plan["mrr"] / most) for plan in plans],
        )


def dashboard_for(request: HttpRequest) -> Dashboard | None:
    """Read which days are asked for, and what the reader may see; None if nothing."""
    user = request.user
    if not user.has_perm(SEES_USAGE):
        return None
    sees_money = user.has_perm(SEES_MONEY)
    by: TopBy = "cost" if sees_money and request.GET.get("top") == "cost" else "charged"
    return Dashboard(days.chosen(request.GET), sees_money=sees_money, top_by=by)


def _week(monday: date, days: list[DayTotals]) -> _Step:
    """Sum days to a week; of active users take the mean."""
    users = sum(day.users or 0 for day in days) / len(days)
    return _Step(monday, added(days), users)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _ms(value: float | None) -> str:
    if value is None:
        return "none"
    return f"{value / 1000:.3g} s" if value >= 1000 else f"{value:.0f} ms"


def dollars(value: Decimal) -> str:
    """Write an amount in USD for readers: $1,234.50, -$2.00."""
    text = f"{value:z,.2f}"
    return f"-${text[1:]}" if text.startswith("-") else f"${text}"
