"""Regular work outside of requests, such as backups: recorded, and shown to Prometheus."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from core import operations
from core.models import Operation

pytestmark = pytest.mark.django_db


def test_a_run_that_succeeds_is_recorded() -> None:
    with operations.recorded("backup") as outcome:
        outcome.detail = "3 MB"
        outcome.facts["bytes"] = 3_000_000

    row = Operation.objects.get(name="backup")
    assert row.succeeded
    assert row.succeeded_at == row.ended_at
    assert (row.detail, row.facts) == ("3 MB", {"bytes": 3_000_000})


def test_a_run_that_fails_is_recorded_and_raises() -> None:
    with pytest.raises(ZeroDivisionError), operations.recorded("backup"):
        raise ZeroDivisionError("no disk")

    row = Operation.objects.get(name="backup")
    assert not row.succeeded
    assert row.succeeded_at is None
    assert row.detail == "no disk"


def test_a_failure_keeps_the_time_of_the_last_success() -> None:
    yesterday = timezone.now() - timedelta(days=1)
    operations.record("backup", succeeded=True, at=yesterday)
    operations.record("backup", succeeded=False, detail="disk full")

    row = Operation.objects.get(name="backup")
    assert not row.succeeded
    assert row.succeeded_at == yesterday


def test_a_long_detail_is_cut() -> None:
    operations.record("backup", succeeded=False, detail="x" * 10_000)
    assert len(Operation.objects.get(name="backup").detail) == 500


def test_the_command_for_scripts() -> None:
    call_command(
        "record_operation",
        "backup",
        "--succeeded",
        "--seconds=12.5",
        "--detail=full",
        stdout=StringIO(),
    )
    row = Operation.objects.get(name="backup")
    assert (row.succeeded, row.seconds, row.detail) == (True, 12.5, "full")

    call_command("record_operation", "backup", "--failed", stdout=StringIO())
    row.refresh_from_db()
    assert not row.succeeded


@pytest.mark.parametrize("name", ["", "x" * 65])
def test_the_command_refuses_a_name_that_does_not_fit(name: str) -> None:
    with pytest.raises(CommandError, match="1 to 64"):
        call_command("record_operation", name, "--succeeded")


def test_prometheus_sees_them(client: Client, settings: Settings) -> None:
    settings.METRICS_TOKEN = "scraper"
    operations.record("backup", succeeded=True, seconds=3)
    operations.record("probe", succeeded=False, facts={"certificate_expires_at": 1.9e9})

    text = client.get("/metrics", headers={"Authorization": "Bearer scraper"}).text

    assert 'tokengate_operation_succeeded{operation="backup"} 1.0' in text
    assert 'tokengate_operation_succeeded{operation="probe"} 0.0' in text
    assert 'tokengate_operation_success_timestamp_seconds{operation="probe"} 0.0' in text
    assert 'tokengate_operation_seconds{operation="backup"} 3.0' in text
    assert "tokengate_certificate_expiry_timestamp_seconds 1.9e+09" in text
