"""A fresh test database in a second, and an empty one again in some milliseconds.

It is copied from one that was migrated before, which is kept on the server under a name that
changes with any migration.
"""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import django
import psycopg
from django.db import connection, transaction
from djstripe.apps import __version__ as djstripe_version
from psycopg import Connection, sql

from tests.webserver import ROOT, database_url

_PREFIX = "tokengate_template_"
_LOCK = 7_311_846  # of those who would build it at the same time


def template() -> str:
    """Return the name of a migrated, empty database; make it if it is not there."""
    name = _PREFIX + _fingerprint()
    with psycopg.connect(database_url("postgres"), autocommit=True) as server:
        server.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        if name not in _templates(server):
            _build(server, name)
    return name


@contextmanager
def copied(*, source: str = "template0") -> Iterator[str]:
    """Make a database for a while, empty or a copy of another one; yields its name."""
    name = f"tokengate_copy_{uuid4().hex[:12]}"
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
    with psycopg.connect(database_url("postgres"), autocommit=True) as server:
        server.execute(create.format(sql.Identifier(name), sql.Identifier(source)))
        try:
            yield name
        finally:
            server.execute(drop)


def empty() -> None:
    """Delete what a test has committed, but for what Django puts there after migrating.

    Django's own way, ``flush``, truncates every table and fills those again: that takes longer than
    most tests. Here no trigger has a say: neither foreign keys nor the ledger, which forbids it.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_EMPTY)


def dump() -> str:
    """Return every table of the database as text, as a backup would have them."""
    connection.ensure_connection()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT oid::regclass FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace NOT IN"
            "   ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)"
        )
        tables = [name for (name,) in cursor.fetchall()]
        assert len(tables) > 60
        parts = []
        for table in tables:
            with cursor.cursor.copy(f"COPY {table} TO STDOUT") as copied:
                parts += [bytes(part).decode() for part in copied]
    return "".join(parts)


# What receivers of post_migrate write.
_EMPTY = """
    DO $$
    DECLARE
        name text;
    BEGIN
        SET LOCAL session_replication_role = replica;
        FOR name IN
            SELECT relname FROM pg_class
             WHERE relkind IN ('r', 'p') AND NOT relispartition
               AND relnamespace = current_schema()::regnamespace AND relname NOT IN (
                'django_migrations', 'django_content_type', 'django_site',
                'auth_permission', 'auth_group', 'auth_group_permissions')
        LOOP
            EXECUTE format('DELETE FROM %I', name);
        END LOOP;
    END $$
"""


def _build(server: Connection, name: str) -> None:
    for outdated in _templates(server):
        server.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(outdated)))
    draft = f"{_PREFIX}draft"  # dropped next time, should this process be killed here
    server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(draft)))
    subprocess.run(
        [sys.executable, "-m", "tests.upgrades.build", "--at-once"],
        cwd=ROOT,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DATABASE_URL": database_url(draft),
        },
        check=True,
    )
    rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
    server.execute(rename.format(sql.Identifier(draft), sql.Identifier(name)))


def _templates(server: Connection) -> set[str]:
    query = "SELECT datname FROM pg_database WHERE starts_with(datname, %s)"
    return {name for (name,) in server.execute(query, (_PREFIX,))}


def _fingerprint() -> str:
    """Hash what shapes a fresh database: our migrations, SQL and groups, Django and dj-stripe."""
    digest = hashlib.sha256(f"{django.__version__} {djstripe_version}".encode())
    groups = ROOT / "adminpanel/access/roles.py"
    for file in sorted(
        [*ROOT.glob("*/*migrations/**/*.py"), *ROOT.glob("*/*migrations/**/*.sql"), groups]
    ):
        digest.update(bytes(file.relative_to(ROOT)) + Path(file).read_bytes())
    return digest.hexdigest()[:12]
