"""A migration adds an index to the partitioned receipts, on each partition while requests go on."""

from collections.abc import Iterator

import pytest
from django.apps import apps
from django.db import connection, models
from django.db.migrations.state import ProjectState

from tests.tokens.months import current
from tokens.migrations._partitions import AddIndexToReceipts
from tokens.usage import partitions

pytestmark = pytest.mark.django_db(transaction=True)

INDEX = models.Index(name="usage_slow", fields=["-duration_ms"], condition=models.Q(status="ok"))


@pytest.fixture(autouse=True)
def _indexes_as_before() -> Iterator[None]:
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX IF EXISTS usage_slow")
        cursor.execute("DROP INDEX IF EXISTS usage_slow_default")


def add() -> None:
    state = ProjectState.from_apps(apps)
    operation, after = AddIndexToReceipts(INDEX), state.clone()
    after.models["tokens", "usagerecord"].options["indexes"].append(INDEX)
    with connection.schema_editor(atomic=False) as editor:
        operation.database_forwards("tokens", editor, state, after)


def found() -> dict[str, bool]:
    """Return which tables have the index, and whether it is valid."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT i.indrelid::regclass::text, i.indisvalid FROM pg_index i"
            "  JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relname LIKE 'usage_slow%'"
        )
        return dict(cursor.fetchall())


def test_every_partition_has_the_index() -> None:
    add()

    tables = {month.table for month in partitions.present()}
    assert set(found()) == {"tokens_usagerecord", "tokens_usagerecord_default", *tables}
    assert all(found().values())


def test_interrupted_and_run_again() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE INDEX usage_slow ON ONLY tokens_usagerecord (duration_ms DESC)"
            " WHERE status = 'ok'"
        )
        cursor.execute("CREATE INDEX usage_slow_default ON tokens_usagerecord_default (id)")
        cursor.execute(
            "UPDATE pg_index SET indisvalid = false"
            " WHERE indexrelid = 'usage_slow_default'::regclass"
        )

    add()
    add()

    assert found()["tokens_usagerecord"]
    assert found()["tokens_usagerecord_default"]
    assert found()[current().table]
