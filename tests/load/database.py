"""A database of its own for a measurement, on the embedded servers or on those of DATABASE_URL.

It is kept from one run to the next, so that migrations and seeds are paid for once. Imported
before Django's settings are: they read where the database is.
"""

import os
from urllib.parse import urlsplit

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("DEBUG", "true")
os.environ.setdefault("LOG_LEVEL", "WARNING")
# What a run leaves behind is none of `make run`'s.
os.environ.setdefault("DATA_DIR", ".data/bench")

import django
import psycopg
from django.core.management import call_command
from psycopg import sql

from devserver import embedded


def use(name: str) -> None:
    """Start the servers, create and migrate the database unless it is there, set Django up."""
    embedded.ensure()
    url = os.environ["DATABASE_URL"]
    _create(url, name)
    os.environ["DATABASE_URL"] = urlsplit(url)._replace(path=f"/{name}").geturl()
    django.setup()
    call_command("migrate", verbosity=0)


def _create(url: str, name: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
        if found.fetchone() is None:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
