"""The database of the mutants (``-p tests.mutants.database``): made once, emptied for each of them.

Django would look for migrations in it each time, which takes longer than most of the tests.
"""

import os

import psycopg
import pytest
from django.db import connection
from pytest_django import DjangoDbBlocker

from tests.databases import empty, template
from tests.webserver import database_url

_OTHERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid()
       AND application_name <> 'mutants'
"""


def name() -> str:
    """Return the name of this process's database."""
    return "tokengate_mutants_" + os.environ.get("PYTEST_XDIST_WORKER", "gw0")


def make() -> None:
    """Make it anew: migrated, and empty."""
    with psycopg.connect(database_url("postgres"), autocommit=True) as server:
        server.execute(f"DROP DATABASE IF EXISTS {name()} WITH (FORCE)".encode())
        server.execute(f"CREATE DATABASE {name()} TEMPLATE {template()}".encode())


class _Fixtures:
    @pytest.fixture(scope="session")
    def django_db_setup(
        self, django_test_environment: None, django_db_blocker: DjangoDbBlocker
    ) -> None:
        """Take it in place of Django's. The tests of the mutant before may have been killed."""
        connection.settings_dict["NAME"] = name()
        with django_db_blocker.unblock():
            with connection.cursor() as cursor:
                cursor.execute(_OTHERS)
            empty()


def pytest_configure(config: pytest.Config) -> None:
    """Register the fixture after that of pytest-django, in whose place it is."""
    config.pluginmanager.register(_Fixtures(), "the database of the mutants")


if __name__ == "__main__":
    make()
