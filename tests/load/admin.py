"""``python -m tests.load.admin``: staff's and users' pages with five million records.

The pages of the portal are those of the user with the most records, 200,000 of them.

Every list, by its first page, its last one, a search and its filters, a user's page and the
dashboard, asked for as a superuser through Django's test client: queries, and the time to the whole
answer, rendering included. The client's records of templates are off. The database is that of
``tests.load.records``, with more users; the first run seeds it, which takes minutes. The daily sums
are brought up to date first, as the task does every five minutes. ``--only`` measures some pages.
"""

import argparse
import gc
import math
import os
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
from tokens.usage import aggregates

USERS = 100_000
RUNS = 20
RUNS_TO_COMPARE = 3
RUNS_TO_COUNT = 10
_INTRODUCTION = """\
## Staff's pages

Measured by `make bench-admin` ({machine}; shared with other work) with {users:,} users, as many
keys, sessions, subscriptions, invoices and so on, and five million usage records: queries, and
the 95th percentile of the milliseconds to the whole answer in one process, rendered, of {runs}
runs. Of each list its slowest view is told: the first page, the last one that can be turned to, a
search, or a filter. *CPU* is the mean processor time of a page, of Django and PostgreSQL together,
without parallel workers. Other work on the machine changes it less. The load was {load}.
"""


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
    processor_ms: float


def main() -> int:
    options = _options()
    seeded()
    crowd(USERS)
    aggregates.aggregate()
    client = _superuser()
    pages_of_staff = {name: views for name, views in _pages(client).items() if options.only in name}
    rows = [(name, _slowest(client, views)) for name, views in pages_of_staff.items()]
    sections = {"the admin site": _section(rows)}
    if not options.staff:
        visitor = _heavy_user()
        portal = [path for path in _PORTAL if options.only in path]
        pages = [(path, _pace(visitor, View(path, path))) for path in portal]
        sections["users' pages"] = _portal_section(pages)
    for title, section in sections.items():
        sys.stdout.write(section)
        if options.write:
            write_section(Path(options.write), title, section)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.load.admin", description=__doc__)
    parser.add_argument("--write", metavar="FILE", help="replace its section about the admin site")
    parser.add_argument("--staff", action="store_true", help="leave out the users' pages")
    parser.add_argument("--only", metavar="TEXT", default="", help="pages whose name has the text")
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
    times = sorted(_times(client, view, RUNS))
    p95 = times[math.ceil(0.95 * len(times)) - 1]
    return Cost(view.name, _queries(client, view), p95, _processor_ms(client, view))


def _user_page() -> str:
    """Return the page of the user with the most records."""
    heavy = get_user_model().objects.order_by("pk").first()
    assert heavy
    return reverse("admin:accounts_user_change", args=[heavy.pk])


def _pages(client: Client) -> dict[str, list[View]]:
    """Return the views of each page of staff, by its name."""
    setup_test_environment()  # so that an answer knows the list that it shows
    found = {
        str(one.opts.verbose_name_plural): list(_views(client, one))
        for one in sorted(site._registry.values(), key=lambda one: str(one.opts.label))
        if one.model._default_manager.exists()
    }
    teardown_test_environment()
    gc.collect()  # of the lists, which is not the next page's work
    found["a user"] = [View("their page", _user_page())]
    found["the dashboard"] = _spans(reverse("admin:index"))
    for name in ("margin", "refused"):
        found[f"the page “{name}”"] = _spans(reverse(f"staff-{name}"))
    return found


def _spans(page: str) -> list[View]:
    return [View(f"{number} days", f"{page}?days={number}") for number in (30, 365)]


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


def _slowest(client: Client, views: list[View]) -> Cost:
    def median(view: View) -> float:
        return statistics.median(_times(client, view, RUNS_TO_COMPARE))

    return _pace(client, max(views, key=median))


def _times(client: Client, view: View, runs: int) -> list[float]:
    """Return the milliseconds of each of so many answers, after one to warm up."""
    times = []
    for _ in range(runs + 1):
        began = time.perf_counter()
        answer = client.get(view.url)
        times.append(1000 * (time.perf_counter() - began))
        assert answer.status_code == 200, (view, answer.status_code)
    return times[1:]


def _processor_ms(client: Client, view: View) -> float:
    """Return the processor time of a page, which other work on the machine changes little.

    That of PostgreSQL is left out where it is on another machine.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET max_parallel_workers_per_gather = 0")
        cursor.execute("SELECT pg_backend_pid()")
        backend = Path(f"/proc/{cursor.fetchone()[0]}/stat")
    began = time.process_time() + _seconds(backend)
    for _ in range(RUNS_TO_COUNT):
        client.get(view.url)
    ended = time.process_time() + _seconds(backend)
    with connection.cursor() as cursor:
        cursor.execute("RESET max_parallel_workers_per_gather")
    return 1000 * (ended - began) / RUNS_TO_COUNT


def _seconds(process: Path) -> float:
    """Return the processor time that a process has used, from /proc; 0 if it is not there."""
    if not process.exists():
        return 0.0
    columns = process.read_text().rpartition(")")[2].split()
    return (int(columns[11]) + int(columns[12])) / os.sysconf("SC_CLK_TCK")


def _queries(client: Client, view: View) -> int:
    with CaptureQueriesContext(connection) as captured:
        client.get(view.url)
    return len(captured)


def _portal_section(pages: list[tuple[str, Cost]]) -> str:
    lines = ["| page | queries | p95, ms |", "|---|---|---|"]
    lines += [f"| `{path}` | {cost.queries} | {cost.milliseconds:.0f} |" for path, cost in pages]
    introduction = _PORTAL_INTRODUCTION.format(machine=machine(), runs=RUNS)
    return introduction + "\n" + "\n".join(lines) + "\n"


def _section(rows: list[tuple[str, Cost]]) -> str:
    lines = ["| | slowest view | queries | p95, ms | CPU, ms |", "|---|---|---|---|---|"]
    for name, cost in rows:
        times = f"{cost.milliseconds:.0f} | {cost.processor_ms:.0f}"
        lines.append(f"| {name} | {cost.view} | {cost.queries} | {times} |")
    load = f"{os.getloadavg()[1]:.1f}"
    introduction = _INTRODUCTION.format(machine=machine(), users=USERS, runs=RUNS, load=load)
    return introduction + "\n" + "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
