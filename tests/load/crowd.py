"""A hundred thousand users, and for each a row in every list that grows with users."""

import sys
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.db.models import Model
from django.utils import timezone

from accounts.models import BrowserSession, SecurityEvent, Session
from apikeys.models import ApiKey
from billing.models import Customer, Invoice, StripeEvent, Subscription
from billing.pricing.plans import seed_plans
from tests.load.seeding import BALANCES
from tokens.models import Adjustment, Entry, Grant, RefusedDay, Reservation

_BATCH = 5000
Row = Callable[[int, int], Model]
"""Makes the row of a user (their id) with a number of its own."""


def crowd(number: int) -> None:
    """Have so many users; what is there already stays."""
    people = get_user_model().objects
    there = people.count()
    if there >= number:
        return
    sys.stderr.write(f"adding {number - there:,} users and what they have …\n")
    seed_plans()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # no ledger, no look-ups
        emails = (f"bench{one}@example.com" for one in range(there, number + 1))
        people.bulk_create(
            (people.model(email=email) for email in emails),
            ignore_conflicts=True,
            batch_size=_BATCH,
        )
        cursor.execute(BALANCES)
        ids = list(people.order_by("pk").values_list("pk", flat=True))
        for make in _rows():
            _write(ids, make)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _write(ids: list[int], make: Row) -> None:
    rows: Iterator[Any] = (make(user, number) for number, user in enumerate(ids))
    first = next(rows)
    first.save(force_insert=True)
    type(first)._default_manager.bulk_create(rows, batch_size=_BATCH)


def _rows() -> list[Row]:
    now, later = timezone.now(), timezone.now() + timedelta(days=30)
    return [
        lambda user, n: EmailAddress(user_id=user, email=f"bench{n}@example.org", primary=True),
        lambda user, n: Session(user_id=user, expires_at=later, refresh_id=uuid.uuid4()),
        lambda user, n: ApiKey(user_id=user, name="editor", prefix=f"b{n}", digest=f"{n:064x}"),
        lambda user, n: Grant(user_id=user, amount=9, remaining=0, source=f"bench:{n}"),
        lambda user, n: Entry(user_id=user, kind="grant", amount=9, source=f"bench:{n}"),
        lambda user, n: Adjustment(user_id=user, kind="tier", source=f"bench:{n}"),
        lambda user, n: Reservation(
            user_id=user, amount=9, state="settled", closed_at=now, expires_at=later
        ),
        lambda user, n: Customer(user_id=user, stripe_id=f"cus_bench{n}"),
        lambda user, n: Subscription(
            id=n + 1_000_000,
            user_id=user,
            plan_id="pro",
            interval="month",
            status="active",
            stripe_id=f"sub_bench{n}",
        ),
        lambda user, n: Invoice(
            id=f"in_bench{n}",
            subscription_id=n + 1_000_000,
            plan_id="pro",
            status="paid",
            currency="usd",
            total=2000,
            paid=2000,
            period_start=now,
            period_end=later,
            created_at=now,
        ),
        lambda user, n: SecurityEvent(user_id=user, event="session_began", detail="editor"),
        lambda user, n: BrowserSession(user_id=user, epoch=0, agent="Firefox on Linux"),
        lambda user, n: RefusedDay(
            user_id=user, day=now.date(), code="rate_limited", requests=1 + n % 9
        ),
        lambda user, n: StripeEvent(
            id=f"evt_bench{n}", type="invoice.paid", payload={}, created_at=now
        ),
    ]
