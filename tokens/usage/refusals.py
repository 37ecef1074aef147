"""How often users met a limit or an empty balance, by day (UTC).

The refusals are counted in the memory of the web workers (``core.refusals``), and added up here
twice a minute: one statement for all of a worker's users.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, date, timedelta
from typing import Any

import psycopg
import structlog
from django.db import Error, connection
from django.db.models import Sum
from django.utils import timezone

from core import refusals
from core.database import in_thread
from tokens.models import RefusedDay

log = structlog.get_logger("tokengate.tokens")

PAYMENT_REQUIRED = frozenset({"insufficient_tokens", "session_budget_exceeded"})
"""The codes of status 402; all others are of 429."""
_EVERY = 30.0  # seconds
_KEPT = timedelta(days=400)

# In the order of users, so that two workers never wait for each other. A user who was deleted
# meanwhile is left out: their row would be refused, and with it those of everybody else, for ever.
_ADD = """
    INSERT INTO tokens_refusedday (day, user_id, code, requests)
    SELECT %(day)s, given.user_id, given.code, given.requests
      FROM unnest(%(users)s::bigint[], %(codes)s::text[], %(requests)s::bigint[])
           AS given (user_id, code, requests)
      JOIN accounts_user AS known ON known.id = given.user_id
     ORDER BY given.user_id, given.code
        ON CONFLICT (day, user_id, code)
        DO UPDATE SET requests = tokens_refusedday.requests + EXCLUDED.requests
"""


@dataclass
class Refused:
    """A user's refused requests in some days, by code."""

    user_id: int
    codes: dict[str, int] = field(default_factory=dict)

    @property
    def of_balance(self) -> int:
        """Requests that were answered with 402."""
        return sum(number for code, number in self.codes.items() if code in PAYMENT_REQUIRED)

    @property
    def of_limits(self) -> int:
        """Requests that were answered with 429."""
        return sum(self.codes.values()) - self.of_balance


def write() -> int:
    """Store what this process has counted; returns the number of rows."""
    taken = refusals.take()
    if not taken:
        return 0
    users, codes = zip(*taken, strict=True)
    day = timezone.now().astimezone(UTC).date()
    requests = list(taken.values())
    given: dict[str, Any] = {
        "day": day,
        "users": list(users),
        "codes": list(codes),
        "requests": requests,
    }
    try:
        with connection.cursor() as cursor:
            cursor.execute(_ADD, given)
    except Error:
        for (user_id, code), number in taken.items():
            refusals.note(user_id, code, times=number)
        raise
    return len(taken)


async def write_for_ever() -> None:
    """Store the counts twice a minute. A failure leaves them for the next time."""
    while True:
        await asyncio.sleep(_EVERY)
        await write_now()


async def write_now() -> None:
    """Store the counts, as a worker does that stops. A failure is logged."""
    try:
        await in_thread(write)
    except (Error, psycopg.Error) as failed:
        log.warning("refusals_not_written", error=type(failed).__name__)


def top(*, since: date, until: date, at_most: int) -> list[Refused]:
    """Return the users with the most refused requests, most first; ``until`` is exclusive."""
    found = RefusedDay.objects.filter(day__gte=since, day__lt=until)
    most = (found.values("user_id").annotate(total=Sum("requests")).order_by("-total", "user_id"))[
        :at_most
    ]
    rows = {row["user_id"]: Refused(row["user_id"]) for row in most}
    sums = found.filter(user_id__in=rows).values_list("user_id", "code").annotate(Sum("requests"))
    for user_id, code, number in sums.order_by("code"):
        rows[user_id].codes[code] = number
    return list(rows.values())


def forget_old() -> int:
    """Delete the counts of days long ago; returns how many rows."""
    before = timezone.now().astimezone(UTC).date() - _KEPT
    return RefusedDay.objects.filter(day__lt=before).delete()[0]
