"""``python -m tests.load.admin``: staff's and users' pages with five million records.

The pages of the portal are those of the user with the most records, 200,000 of them.

Every list, by its first page, its last one, a search and its filters, a user's page and the
dashboard, asked for as a superuser through Django's test client: queries, and the time to the whole
answer, rendering included. The database is that of ``tests.load.records``, with more users; the
first run seeds it, which takes minutes.
"""

import argparse
import gc
import math
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.load import database

database.use("tokengate_bench_records")  # before Django's models can be imported

from django.contrib.admin import site
from django.contrib.admin.options import ModelAdmin
from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import (
    CaptureQueriesContext,
    setup_test_environment,
    teardown_test_environment,
)
from django.urls import reverse

from tests.load.crowd import crowd
from tests.load.sections import machine, write_section
from tests.load.seeding import seeded

USERS = 100_000
RUNS = 3
_INTRODUCTION = """\
## Staff's pages

Measured by `make bench-admin` ({machine}; shared with other work) with {users:,} users, as many
keys, sessions, subscriptions, invoices and so on, and five million usage records: queries, and
milliseconds to the whole answer in one process, rendered, the median of {runs} runs. Of each
list its slowest view is told: the first page, the last one that can be turned to, a search, or a
filter.
"""


PORTAL_RUNS = 20
_PORTAL_INTRODUCTION = """\
## Users' pages

Measured by `make bench-admin` ({machine}; shared with other work): the pages of a user with 200,000
of five million usage records, and the public ones: queries, and the 95th percentile of the
milliseconds to the whole answer in one process, rendered, of {runs} runs.
"""
_PORTAL = (
    "/",
    "/pricing",
    "/models",
    "/status",
    "/portal/",
    "/portal/usage/",
    "/portal/usage/?by=model",
    "/portal/usage/?by=session",
    "/portal/usage/?from=2020-01-01",
    "/portal/keys/",
    "/portal/plan/",
    "/portal/tokens/",
    "/portal/devices/",
    "/portal/security/",
    "/portal/security/events/",
    "/portal/profile/",
)


@dataclass(frozen=True)
class View:
    """One address of a list, and what it shows."""

    name: str
    url: str


@dataclass(frozen=True)
class Cost:
    view: str
    queries: int
    milliseconds: float


def main() -> int:
    options = _options()
    seeded()
    crowd(USERS)
    setup_test_environment()  # so that an answer knows the list that it shows
    client = _superuser()
    rows = [
        (str(one.opts.verbose_name_plural), _slowest(client, _views(client, one)))
        for one in sorted(site._registry.values(), key=lambda one: str(one.opts.label))
        if one.model._default_manager.exists()
    ]
    rows.append(("a user", _slowest(client, [View("their page", _user_page())])))
    days = [
        View(f"{number} days", f"{reverse('admin:index')}?days={number}") for number in (30, 365)
    ]
    rows.append(("the dashboard", _slowest(client, days)))
    for name in ("margin", "refused"):
        page = reverse(f"staff-{name}")
        spans = [View(f"{number} days", f"{page}?days={number}") for number in (30, 365)]
        rows.append((f"the page “{name}”", _slowest(client, spans)))
    teardown_test_environment()
    gc.collect()  # of the lists, which is not the next page's work
    visitor = _heavy_user()
    pages = [(path, _pace(visitor, View(path, path))) for path in _PORTAL]
    sections = {"the admin site": _section(rows), "users' pages": _portal_section(pages)}
    for title, section in sections.items():
        sys.stdout.write(section)
        if options.write:
            write_section(Path(options.write), title, section)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.load.admin", description=__doc__)
    parser.add_argument("--write", metavar="FILE", help="replace its section about the admin site")
    return parser.parse_args()


def _superuser() -> Client:
    people = get_user_model().objects
    found = people.filter(email="bench-admin@example.com").first()
    staff = found or people.create_superuser("bench-admin@example.com", "bench")
    client = Client(headers={"Host": "localhost"})
    client.force_login(staff)
    return client


def _heavy_user() -> Client:
    """Sign in the user with the most records."""
    heavy = get_user_model().objects.order_by("pk").first()
    assert heavy
    client = Client(headers={"Host": "localhost"})
    client.force_login(heavy)
    return client


def _pace(client: Client, view: View) -> Cost:
    """Return the queries of a page, and the 95th percentile of its time."""
    times = sorted(_times(client, view, PORTAL_RUNS))
    p95 = times[math.ceil(0.95 * len(times)) - 1]
    return Cost(view.name, _queries(client, view), p95)


def _user_page() -> str:
    """Return the page of the user with the most records."""
    heavy = get_user_model().objects.order_by("pk").first()
    assert heavy
    return reverse("admin:accounts_user_change", args=[heavy.pk])


def _views(client: Client, admin: "ModelAdmin[Model]") -> Iterator[View]:
    opts = admin.opts
    url = reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist")
    yield View("first page", url)
    answer = client.get(url)
    shown = answer.context.get("cl")
    if shown is None:
        return
    yield View("last page", f"{url}?p={shown.paginator.num_pages}")
    if shown.search_fields:
        yield View("a search", f"{url}?q=bench99")
    for filtering in shown.filter_specs:
        for choice in list(filtering.choices(shown))[1:3]:
            yield View(f"by {filtering.title}", url + choice.get("query_string", ""))


def _slowest(client: Client, views: Iterator[View] | list[View]) -> Cost:
    return max((_cost(client, view) for view in views), key=lambda cost: cost.milliseconds)


def _cost(client: Client, view: View) -> Cost:
    milliseconds = statistics.median(_times(client, view, RUNS))
    return Cost(view.name, _queries(client, view), milliseconds)


def _times(client: Client, view: View, runs: int) -> list[float]:
    """Return the milliseconds of each of so many answers, after one to warm up."""
    times = []
    for _ in range(runs + 1):
        began = time.perf_counter()
        answer = client.get(view.url)
        times.append(1000 * (time.perf_counter() - began))
        assert answer.status_code == 200, (view, answer.status_code)
    return times[1:]


def _queries(client: Client, view: View) -> int:
    with CaptureQueriesContext(connection) as captured:
        client.get(view.url)
    return len(captured)


def _portal_section(pages: list[tuple[str, Cost]]) -> str:
    lines = ["| page | queries | p95, ms |", "|---|---|---|"]
    lines += [f"| `{path}` | {cost.queries} | {cost.milliseconds:.0f} |" for path, cost in pages]
    introduction = _PORTAL_INTRODUCTION.format(machine=machine(), runs=PORTAL_RUNS)
    return introduction + "\n" + "\n".join(lines) + "\n"


def _section(rows: list[tuple[str, Cost]]) -> str:
    lines = ["| | slowest view | queries | ms |", "|---|---|---|---|"]
    for name, cost in rows:
        lines.append(f"| {name} | {cost.view} | {cost.queries} | {cost.milliseconds:.0f} |")
    introduction = _INTRODUCTION.format(machine=machine(), users=USERS, runs=RUNS)
    return introduction + "\n" + "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
