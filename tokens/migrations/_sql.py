"""How a migration of the ledger installs SQL: from its own copy, which never changes."""

from pathlib import Path

from django.db.migrations import RunSQL

_FOLDER = Path(__file__).parent / "sql"


def install(migration: str) -> RunSQL:
    """Return an operation that runs the files in ``sql/<migration>``, in the order of their names.

    A body may name what a later file or migration creates: PostgreSQL looks at it when it is
    called.
    """
    texts = [file.read_text() for file in sorted((_FOLDER / migration).glob("*.sql"))]
    if not texts:
        raise FileNotFoundError(f"There is no SQL in {_FOLDER / migration}.")
    unchecked = "SET LOCAL check_function_bodies = off;"
    return RunSQL("\n".join([unchecked, *texts]), RunSQL.noop)
