"""A database as the last release left it."""

from collections.abc import Iterator

import psycopg
import pytest

from tests.databases import copied
from tests.upgrades.migrating import run
from tests.webserver import database_url


@pytest.fixture(scope="package")
def released() -> Iterator[str]:
    """Return the name of a database that has run the released migrations, to be copied."""
    with copied() as name:
        run(name, "-m", "tests.upgrades.build")
        yield name


@pytest.fixture
def upgraded(released: str) -> Iterator[psycopg.Connection]:
    """Return a connection to a copy of it."""
    with (
        copied(source=released) as name,
        psycopg.connect(database_url(name), autocommit=True) as opened,
    ):
        yield opened
