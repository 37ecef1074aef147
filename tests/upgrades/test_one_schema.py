"""However a database came to be, it is the same: new, upgraded, or with today's SQL run on it."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from tests.databases import copied, template
from tests.upgrades.migrating import migrate
from tests.upgrades.released import sources
from tests.upgrades.schema import Schema, drop_functions, schema_of
from tests.webserver import database_url


@contextmanager
def new_database() -> Iterator[psycopg.Connection]:
    with (
        copied(source=template()) as name,
        psycopg.connect(database_url(name), autocommit=True) as opened,
    ):
        yield opened


@pytest.fixture(scope="module")
def migrated() -> Iterator[Schema]:
    """Everything in a new database, which has run all migrations in one go."""
    with new_database() as new:
        yield schema_of(new)


def test_an_upgraded_database_equals_a_new_one(
    migrated: Schema, upgraded: psycopg.Connection
) -> None:
    migrate(upgraded.info.dbname)

    assert schema_of(upgraded) == migrated


def test_todays_sql_is_what_the_migrations_have_installed(migrated: Schema) -> None:
    """Also nothing is left of functions that no file of `sql/` defines any more."""
    with new_database() as anew:
        drop_functions(anew)
        assert schema_of(anew) != migrated
        anew.execute("SET check_function_bodies = off")
        for file in sources():
            anew.execute(file.read_bytes())
        assert schema_of(anew) == migrated


@pytest.mark.parametrize(
    "change",
    [
        "CREATE OR REPLACE FUNCTION tokens_now() RETURNS timestamptz LANGUAGE sql RETURN now()",
        "DROP INDEX usage_by_time",
        "ALTER TABLE tokens_balance DROP CONSTRAINT balance_renewer_known",
        "ALTER TABLE tokens_balance RESET (fillfactor)",
        "ALTER TABLE tokens_balance ALTER notified DROP NOT NULL",
        "ALTER TABLE tokens_entry DISABLE TRIGGER entry_append_only",
        "CREATE TYPE stray AS (a integer)",
    ],
)
def test_the_comparison_sees_every_kind_of_difference(migrated: Schema, change: str) -> None:
    with new_database() as damaged, damaged.transaction(force_rollback=True):
        damaged.execute(change.encode())
        assert schema_of(damaged) != migrated
