"""The figures that alerts are about: what waits, for how long, and what an hour earns."""

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from celery import current_app
from django.db import connections
from django.db.backends.postgresql.base import DatabaseWrapper
from django.test import Client
from django.utils import timezone
from django_redis import get_redis_connection  # type: ignore[import-untyped]
from pytest_django import Settings

from billing.models import Pack, Plan, Price, Subscription, TopUp
from billing.pricing.plans import seed_plans
from config import tasks
from core.database import pool_figures
from llmproxy import metrics
from llmproxy.relay.vitals import Vitals
from tests.factories import UserFactory
from tests.tokens.usage import used
from tokens.ledger import Hold
from tokens.ledger.running import RunningRequest
from tokens.models import UsageRecord
from tokens.usage import partitions


class Settling(RunningRequest):
    """A request that has ended, whose settlement the ledger does not have yet."""

    @property
    def is_settling(self) -> bool:
        return True


@pytest.fixture
def settling() -> Iterator[Settling]:
    request = Settling(Hold(uuid4(), 1, 10, 90))
    yield request
    request.ended()


@pytest.fixture
def asked(client: Client, settings: Settings, db: None) -> Client:
    settings.METRICS_TOKEN = "scraper"
    client.defaults["HTTP_AUTHORIZATION"] = "Bearer scraper"
    return client


def figure(client: Client, name: str) -> float:
    """Return the value of one series, by its name and labels."""
    for line in client.get("/metrics").text.splitlines():
        series, _, value = line.rpartition(" ")
        if series == f"tokengate_{name}":
            return float(value)
    raise AssertionError(f"{name} is not told")


def test_how_long_the_oldest_task_has_been_waiting(
    asked: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "_QUEUE", "tests:queue")
    connection = get_redis_connection()
    connection.delete("tests:queue")
    assert figure(asked, "queue_age_seconds") == 0

    signature = current_app.signature("config.tasks.heartbeat")
    for _ in range(2):
        signature.apply_async(queue="tests:queue")
    oldest = json.loads(connection.lindex("tests:queue", -1))
    oldest["headers"]["queued_at"] = time.time() - 500
    connection.lset("tests:queue", -1, json.dumps(oldest))

    assert figure(asked, "queue_age_seconds") == pytest.approx(500, abs=60)
    assert (
        time.time() - json.loads(connection.lindex("tests:queue", 0))["headers"]["queued_at"] < 60
    )
    connection.delete("tests:queue")


def test_a_task_that_does_not_say_since_when_has_no_age(
    asked: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as one that an earlier version has queued."""
    monkeypatch.setattr(tasks, "_QUEUE", "tests:queue")
    connection = get_redis_connection()
    connection.lpush("tests:queue", json.dumps({"headers": {}}))
    try:
        assert figure(asked, "queue_age_seconds") == 0
    finally:
        connection.delete("tests:queue")


def test_months_without_a_partition(asked: Client) -> None:
    assert figure(asked, "receipt_partitions_missing") == 0

    partitions.drop(partitions.present()[-1], "SELECT true")

    assert figure(asked, "receipt_partitions_missing") == 1


def test_the_oldest_receipt_that_waits_for_its_usage(asked: Client) -> None:
    user = UserFactory.create()
    assert figure(asked, "reconciliation_age_seconds") == 0

    now = timezone.now()
    for age in (50, 500):
        record = used(user, at=now - timedelta(seconds=age))
        UsageRecord.objects.filter(pk=record.pk).update(final=False)
    used(user, at=now - timedelta(seconds=5000))

    assert figure(asked, "receipts_provisional") == 2
    assert figure(asked, "reconciliation_age_seconds") == pytest.approx(500, abs=60)


def test_what_the_spool_holds(asked: Client, settings: Settings, tmp_path: Path) -> None:
    settings.SETTLEMENT_SPOOL = tmp_path / "none"
    assert figure(asked, "spool_bytes") == 0

    settings.SETTLEMENT_SPOOL = tmp_path
    (tmp_path / "one.owed").write_bytes(b"x" * 100)
    (tmp_path / "one.refused").write_bytes(b"one\ntwo\n")

    assert figure(asked, "spool_bytes") == 100
    assert figure(asked, "spool_refused") == 2


def test_an_hour_s_cost_and_its_share_of_the_revenue(asked: Client) -> None:
    seed_plans()
    user = UserFactory.create()
    pro = Plan.objects.get(pk="pro")
    Price.objects.create(id="price_1", plan=pro, interval="month", amount=7305_00, currency="usd")
    Subscription.objects.create(
        user=user, plan=pro, interval="month", status="active", entitled=True, stripe_id="sub_1"
    )
    now = timezone.now()
    for hours in (0.5, 0.9, 2):
        record = used(user, at=now - timedelta(hours=hours))
        UsageRecord.objects.filter(pk=record.pk).update(upstream_cost=None, cost=Decimal("1.25"))
    UsageRecord.objects.filter(created_at__gte=now - timedelta(hours=0.6)).update(
        upstream_cost=Decimal("2.5")
    )
    pack = Pack.objects.create(name="small", tokens=1, price=500, currency="usd", valid_days=0)
    bought = {
        "pack": pack,
        "tokens": 1,
        "valid_days": 0,
        "status": "paid",
        "payment_intent": "pi_1",
    }
    TopUp.objects.create(
        user=user, amount=500, paid=500, refunded=100, currency="usd", paid_at=now, **bought
    )

    tasks.measure_hour()

    assert figure(asked, "cost_usd_last_hour") == 3.75
    assert figure(asked, 'revenue_last_hour{currency="usd"}') == pytest.approx(10 + 4)


def test_how_long_a_settlement_has_been_waiting_for_the_ledger(settling: Settling) -> None:
    vitals = Vitals()
    vitals.look(late=0, now=1000.0)
    vitals.look(late=0.25, now=1030.0)

    assert metrics.RUNNING._value.get() >= 1
    assert metrics.SETTLING._value.get() == 1
    assert metrics.SETTLEMENT_LAG._value.get() == 30
    assert metrics.LOOP_LAG._value.get() == 0.25

    settling.ended()
    vitals.look(late=0, now=1031.0)
    assert metrics.SETTLEMENT_LAG._value.get() == 0


def test_reading_the_figures_makes_no_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be one for the database of that moment: in tests, not yet the tests' own."""
    pools: dict[str, Any] = {}
    monkeypatch.setattr(DatabaseWrapper, "_connection_pools", pools)

    assert pool_figures()["busy"] == 0
    assert pools == {}


@pytest.mark.django_db(transaction=True)
def test_callers_that_were_given_no_connection_are_counted() -> None:
    pool: Any = getattr(connections["default"], "pool")  # noqa: B009 - its type is not declared
    vitals = Vitals()
    before = metrics.POOL_TIMEOUTS._value.get()
    taken = [pool.getconn() for _ in range(pool.max_size - pool_figures()["busy"])]
    try:
        with pytest.raises(Exception, match="couldn't get a connection"):
            pool.getconn(timeout=0.01)
        vitals.look(late=0, now=0)
        assert metrics.POOL.labels("busy")._value.get() == pool.max_size
        assert metrics.POOL_TIMEOUTS._value.get() == before + 1
    finally:
        for connection in taken:
            pool.putconn(connection)
