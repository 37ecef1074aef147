"""How a migration changes the partitioned table of receipts while requests go on."""

import random
import time
from collections.abc import Callable
from typing import Any

from django.db import OperationalError, transaction
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import AddIndex, RunSQL
from django.db.migrations.state import ProjectState
from django.db.models import Index
from psycopg import errors

_ATTEMPTS = 60
# Requests wait for a table while the migration does. The ledger's own lock_timeout is a second.
_LOCK_MS = 300
_RETRIED = (errors.LockNotAvailable, errors.DeadlockDetected)


class RunSQLPatiently(RunSQL):
    """Runs SQL in one transaction that needs locks, unless ``is_done`` tells that it was run.

    Nobody waits for it longer than a third of a second: if a lock is not free until then, the
    transaction is rolled back, and tried again for a minute. For migrations that are not atomic.
    """

    def __init__(self, sql: str, is_done: str) -> None:
        super().__init__(sql, RunSQL.noop)
        self._is_done = is_done

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, *states: Any
    ) -> None:
        forwards: Callable[..., None] = super().database_forwards
        if schema_editor.collect_sql:  # sqlmigrate
            schema_editor.execute("BEGIN")
            forwards(app_label, schema_editor, *states)
            schema_editor.execute("COMMIT")
            return
        for left in reversed(range(_ATTEMPTS)):
            try:
                with transaction.atomic(schema_editor.connection.alias):
                    if not self._was_run(schema_editor):
                        schema_editor.execute(f"SET LOCAL lock_timeout = {_LOCK_MS}")
                        forwards(app_label, schema_editor, *states)
            except OperationalError as error:
                if not left or not isinstance(error.__cause__, _RETRIED):
                    raise
                time.sleep(random.uniform(0.5, 1.5))  # noqa: S311 # nosec B311  # no secret
            else:
                return

    def _was_run(self, schema_editor: BaseDatabaseSchemaEditor) -> bool:
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(self._is_done)
            return bool(cursor.fetchone()[0])


class AddIndexToReceipts(AddIndex):
    """Adds an index to the partitioned receipts, which PostgreSQL cannot do concurrently at once.

    It is built concurrently on each partition, and then belongs to that of the whole table. This can
    be interrupted and run again. For migrations that are not atomic. ``RemoveIndex`` removes it.
    """

    atomic = False

    def __init__(self, index: Index) -> None:
        super().__init__("usagerecord", index)

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return type(self).__name__, [], {"index": self.index}

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        table, name = model._meta.db_table, self.index.name  # noqa: SLF001 - public in Django
        sql = str(self.index.create_sql(model, schema_editor))
        begins = f'CREATE INDEX "{name}" ON "{table}"'
        if not sql.startswith(begins):
            raise ValueError(f"Only a plain index can be added: {sql}")
        columns = sql.removeprefix(begins)
        # From now on a new partition has it, but no query uses it before all have.
        schema_editor.execute(f'CREATE INDEX IF NOT EXISTS "{name}" ON ONLY "{table}" {columns}')
        for partition in _rows(schema_editor, _WITHOUT_INDEX, [table, name]):
            part = f"{name}{partition.removeprefix(table)}"
            if _rows(schema_editor, _INVALID, [part]):
                schema_editor.execute(f'DROP INDEX CONCURRENTLY "{part}"')
            schema_editor.execute(
                f'CREATE INDEX CONCURRENTLY IF NOT EXISTS "{part}" ON "{partition}" {columns}'
            )
            schema_editor.execute(f'ALTER INDEX "{name}" ATTACH PARTITION "{part}"')


_WITHOUT_INDEX = """
    SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = %s::regclass AND NOT EXISTS (
        SELECT FROM pg_index x JOIN pg_inherits p ON p.inhrelid = x.indexrelid
         WHERE x.indrelid = c.oid AND p.inhparent = to_regclass(%s))
     ORDER BY 1
"""
_INVALID = """
    SELECT indexrelid FROM pg_index WHERE indexrelid = to_regclass(%s) AND NOT indisvalid
"""


def _rows(schema_editor: BaseDatabaseSchemaEditor, query: str, parameters: list[str]) -> list[Any]:
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return [row[0] for row in cursor.fetchall()]
