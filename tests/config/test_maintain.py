"""`manage.py maintain`: bloated indexes shrink, nothing is lost, and twice is as good as once."""

from collections.abc import Iterator
from io import StringIO

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from config import maintenance
from core.models import Operation, ProbeDay
from tests.webserver import database_url
from tokens.usage import partitions

pytestmark = pytest.mark.django_db(transaction=True)

INDEX = "core_probeday_pkey"


@pytest.fixture
def _bloated() -> Iterator[None]:
    """An index of 60,000 days, of which one in twenty is left."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO core_probeday (day, up, down)"
            " SELECT date '2030-01-01' + n, 1, 0 FROM generate_series(1, 60000) n"
        )
        cursor.execute(
            "DELETE FROM core_probeday WHERE up = 1 AND (day - date '2030-01-01') % 20 > 0"
        )
    yield
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE core_probeday")


@pytest.fixture
def other() -> Iterator[psycopg.Connection]:
    """A session of somebody else."""
    name = connection.settings_dict["NAME"]
    with psycopg.connect(database_url(name), autocommit=True) as opened:
        yield opened


def size() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_relation_size(%s::regclass)", [INDEX])
        return int(cursor.fetchone()[0])


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("maintain", "--reindex-above-mb=0.5", *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.usefixtures("_bloated")
def test_a_bloated_index_is_rebuilt() -> None:
    before, days = size(), ProbeDay.objects.count()

    said = run()

    assert f"{INDEX}: " in said
    assert size() < before / 5
    assert ProbeDay.objects.count() == days == 3000
    row = Operation.objects.get(name="maintain")
    assert row.succeeded
    assert "indexes rebuilt" in row.detail
    assert " 0 indexes" not in row.detail


@pytest.mark.usefixtures("_bloated")
def test_a_second_run_rebuilds_nothing() -> None:
    run()
    assert "0 indexes rebuilt" in run()


@pytest.mark.usefixtures("_bloated")
def test_a_dry_run_changes_nothing() -> None:
    run("--dry-run")  # nothing is analyzed yet
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE core_probeday")
    before = size()

    said = run("--dry-run")

    assert f"{INDEX}: " in said
    assert size() == before
    assert not Operation.objects.exists()


def test_indexes_of_a_usual_size_are_left(other: psycopg.Connection) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO core_probeday (day, up, down)"
            " SELECT date '2030-01-01' + n, 1, 0 FROM generate_series(1, 60000) n"
        )
        cursor.execute("SELECT pg_stat_force_next_flush()")  # else it may not count as changed yet
    assert size() > 1_000_000
    try:
        assert INDEX not in run()
    finally:
        other.execute("TRUNCATE core_probeday")


def test_what_an_interrupted_rebuild_left_is_dropped(other: psycopg.Connection) -> None:
    other.execute(f"CREATE INDEX {INDEX}_ccnew ON core_probeday (day)")
    other.execute(
        f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{INDEX}_ccnew'::regclass"
    )

    assert "dropped" in run()

    found = other.execute("SELECT to_regclass(%s)", [f"{INDEX}_ccnew"]).fetchone()
    assert found == (None,)


def test_another_invalid_index_is_a_problem(other: psycopg.Connection) -> None:
    other.execute("CREATE INDEX of_somebody ON core_probeday (up)")
    other.execute(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'of_somebody'::regclass"
    )
    try:
        with pytest.raises(CommandError, match="1 problems"):
            run()
        assert not Operation.objects.get(name="maintain").succeeded
    finally:
        other.execute("DROP INDEX of_somebody")


def test_missing_partitions_are_created() -> None:
    month = partitions.present()[-1]
    assert partitions.drop(month, "SELECT true")

    assert f"{month.table}: to be created" in run("--dry-run")
    assert month not in partitions.present()
    assert f"{month.table}: created" in run()

    assert month in partitions.present()


def test_a_partition_that_cannot_be_created_is_a_problem(
    other: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitions, "_ATTEMPTS", 1)
    partitions.drop(partitions.present()[-1], "SELECT true")
    with other.transaction():
        other.execute("LOCK TABLE tokens_usagerecord IN ROW EXCLUSIVE MODE")
        with pytest.raises(CommandError, match="1 problems"):
            run()

    run()

    assert partitions.missing() == []


def test_the_table_of_changed_partitions_is_analyzed() -> None:
    """Autovacuum does not do it."""
    run()

    assert "tokens_usagerecord: " not in run("--dry-run")
    partitions.drop(partitions.present()[-1], "SELECT true")
    partitions.create_missing()
    assert "tokens_usagerecord: to be analyzed" in run("--dry-run")


def test_two_runs_at_once_are_one(other: psycopg.Connection) -> None:
    other.execute("SELECT pg_advisory_lock(%s)", [maintenance._LOCK])

    with pytest.raises(CommandError, match="has not ended"):
        run()


@pytest.mark.usefixtures("_bloated")
def test_a_table_that_is_locked_is_left_for_the_next_time(
    other: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "_LOCK_SECONDS", 0.1)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE core_probeday")
    with other.transaction():
        other.execute("LOCK TABLE core_probeday IN ROW EXCLUSIVE MODE")
        with pytest.raises(CommandError, match="1 problems"):
            run()

    assert "1 indexes rebuilt" in run()
