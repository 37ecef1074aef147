"""Generated demo history: users, plans, invoices and usage, with a consistent ledger.

It is written once, in one transaction: if its users exist, nothing is done. Bulk rows are created
by a few statements (``adminpanel/sql/demo_usage.sql``).
"""

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from allauth.account.models import EmailAddress
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import User
from adminpanel.demo.people import DOMAIN, Bill, Deal, Period, Person, invent
from apikeys.models import ApiKey
from billing.models import Customer, Invoice, Plan, Price, StripeEvent, Subscription
from billing.pricing.plans import seed_plans
from tokens.models import Adjustment, Tier, UsageRecord
from tokens.usage import aggregates

_USAGE = Path(__file__).parent / "sql" / "demo_usage.sql"
_PERIODS = """
    CREATE TEMP TABLE demo_period (
        number integer, user_id bigint, api_key uuid, daily integer, tier text, allowance bigint,
        source text, by_invoice boolean, renews_by text, starts timestamptz, ends timestamptz
    ) ON COMMIT DROP
"""


@dataclass(frozen=True)
class Past:
    """How much of it there is now; ``fresh``: it was made by this call."""

    fresh: bool
    users: int
    subscriptions: int
    invoices: int
    records: int


@transaction.atomic
def seed_past(days: int, *, now: datetime | None = None) -> Past:
    """Write the last days up to ``now``, unless there is such a past; return what there is."""
    now = now or timezone.now()
    people = User.objects.filter(email__endswith=f"@{DOMAIN}")
    fresh = not people.exists()
    if fresh:
        _write(now.astimezone(UTC), days)
    theirs = Subscription.objects.filter(user__in=people)
    return Past(
        fresh,
        people.count(),
        theirs.count(),
        Invoice.objects.filter(subscription__in=theirs).count(),
        UsageRecord.objects.filter(user__in=people).count(),
    )


def _write(now: datetime, days: int) -> None:
    start = datetime.combine(now.date() - timedelta(days=days - 1), time(), UTC)
    seed_plans()
    people = invent(start=start, now=now)
    users = _users(people)
    _billing(people, users, now)
    _usage(people, users, start, now)
    with connection.cursor() as cursor:  # or the planner takes the tables for empty ones
        cursor.execute("ANALYZE tokens_usagerecord, tokens_entry, tokens_balance")
    aggregates.aggregate(since=start.date())


def _users(people: list[Person]) -> dict[int, User]:
    """Make the accounts, without passwords that could be known, each with a key."""
    users = {
        one.number: User(
            email=one.email, name=one.name, password="!" + "demo" * 10, date_joined=one.joined
        )
        for one in people
    }
    User.objects.bulk_create(users.values())
    EmailAddress.objects.bulk_create(
        EmailAddress(user=user, email=user.email, verified=True, primary=True)
        for user in users.values()
    )
    ApiKey.objects.bulk_create(_key(one, users[one.number]) for one in people)
    return users


def _key(person: Person, user: User) -> ApiKey:
    """Make a key's row; no text has its digest, so nobody can call with it."""
    return ApiKey(
        id=_named("key", person.number),
        user=user,
        name="Editor",
        prefix="demo",
        digest=sha256(f"no key: {person.email}".encode()).hexdigest(),
        created_at=person.joined,
    )


def _named(*parts: object) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_DNS, f"{parts} {DOMAIN}")


def _billing(people: list[Person], users: dict[int, User], now: datetime) -> None:
    """Write what Stripe would have told of them."""
    _prices()
    Customer.objects.bulk_create(
        Customer(user=users[one.number], stripe_id=f"cus_demo_{one.number:04}") for one in people
    )
    deals = {one.number: one.deal for one in people if one.deal}
    subscriptions = {
        number: _subscription(users[number], deal, now) for number, deal in deals.items()
    }
    Subscription.objects.bulk_create(subscriptions.values())
    bills = [(subscriptions[number], bill) for number, deal in deals.items() for bill in deal.bills]
    Invoice.objects.bulk_create(_invoice(owner, bill, now) for owner, bill in bills)
    StripeEvent.objects.bulk_create(
        _failure(bill, bill.declined) for _, bill in bills if bill.declined and bill.declined <= now
    )
    Adjustment.objects.bulk_create(
        Adjustment(
            user=users[number], kind="tier", tier_id="free", source=f"{deal.id}:ended",
            created_at=deal.ended,
        )
        for number, deal in deals.items() if deal.ended
    )  # fmt: skip


def _prices() -> None:
    """Put the paid plans on sale where Stripe has not: MRR is counted by these prices."""
    for plan in Plan.objects.filter(pk__in=["pro", "enterprise"]):
        for interval in ("month", "year"):
            Price.objects.get_or_create(
                plan=plan,
                interval=interval,
                active=True,
                defaults={
                    "id": f"price_demo_{plan.pk}_{interval}",
                    "amount": plan.amount(interval),
                    "currency": plan.currency,
                },
            )


def _subscription(user: User, deal: Deal, now: datetime) -> Subscription:
    last = deal.bills[-1]
    owes = last.declined is not None and last.paid_at is None
    living = "past_due" if owes and last.declined and last.declined <= now else "active"
    return Subscription(
        id=_named(deal.id),
        user=user,
        plan_id=deal.plan,
        interval=deal.interval,
        status="canceled" if deal.ended else living,
        stripe_id=deal.id,
        period_start=last.at,
        period_end=last.until,
        cancel_at_period_end=deal.leaving,
        entitled=deal.ended is None,
        created_at=deal.start,
        ended_at=deal.ended,
    )


def _invoice(subscription: Subscription, bill: Bill, now: datetime) -> Invoice:
    is_paid = bill.paid_at is not None and bill.paid_at <= now
    given_up = "uncollectible" if subscription.ended_at else "open"
    tokens = Tier.objects.get(pk=subscription.plan_id).monthly_tokens if is_paid else None
    return Invoice(
        id=bill.id,
        subscription=subscription,
        plan_id=subscription.plan_id,
        number=bill.id.removeprefix("in_").upper().replace("_", "-"),
        status="paid" if is_paid else given_up,
        currency="usd",
        total=bill.amount,
        paid=bill.amount if is_paid else 0,
        refunded=bill.refunded if is_paid else 0,
        period_start=bill.at,
        period_end=bill.until,
        tokens=tokens,
        created_at=bill.at,
    )


def _failure(bill: Bill, at: datetime) -> StripeEvent:
    return StripeEvent(
        id=f"evt_{bill.id}",
        type="invoice.payment_failed",
        payload={"data": {"object": {"id": bill.id, "object": "invoice"}}},
        created_at=at,
        received_at=at,
        processed_at=at,
    )


def _usage(people: list[Person], users: dict[int, User], start: datetime, now: datetime) -> None:
    allowances = dict(Tier.objects.values_list("name", "monthly_tokens"))
    outage = start + (now - start) * 0.7
    with connection.cursor() as cursor:
        cursor.execute(_PERIODS)
        cursor.executemany(
            "INSERT INTO demo_period VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            list(_rows(people, users, allowances)),
        )
        given = {"now": now, "first": start, "outage": outage.date()}
        for statement in _statements():
            cursor.execute(statement, given)


def _statements() -> Iterable[str]:
    return [text for text in _USAGE.read_text().split(";\n") if text.strip()]


def _rows(
    people: list[Person], users: dict[int, User], allowances: dict[str, int]
) -> Iterator[tuple[Any, ...]]:
    for one in people:
        user = users[one.number]
        for period in one.periods:
            yield (
                one.number,
                user.pk,
                _named("key", one.number),
                one.daily,
                period.tier,
                allowances[period.tier],
                period.source or f"period:{user.pk}:{period.start:%Y-%m-%d}",
                period.source is not None,
                _renewer(one, period),
                period.start,
                period.end,
            )


def _renewer(person: Person, period: Period) -> str:
    monthly = person.deal is not None and person.deal.interval == "month"
    return "invoice" if monthly and period.tier != "free" else "schedule"
