"""What every test may ask for: callers, the demo upstream, and the real server in front of it."""

import asyncio
import gc
import os
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.db import connection, connections
from django.test import TransactionTestCase
from pytest_django import DjangoDbBlocker
from rest_framework.test import APIClient
from whitenoise.middleware import WhiteNoiseMiddleware

from accounts.models import User
from apikeys import keys
from llmproxy.models import Model
from tests.databases import empty, template
from tests.developer import MODEL, Developer, Make
from tests.factories import RouteFactory, UserFactory
from tests.fakes.stripe_process import StripeProcess
from tests.fakes.upstream_process import UpstreamProcess
from tests.tokens.accounts import account
from tests.webserver import WebServer, demo_server

# They need what `make test-clients` and `make test-analytics` install, and pgBackRest.
collect_ignore = [] if "TEST_CLIENTS" in os.environ else ["clients"]
collect_ignore += [] if "TEST_ANALYTICS" in os.environ else ["analytics"]
collect_ignore += [] if "TEST_BACKUP" in os.environ else ["backup"]


_LONGEST = {"embedded", "replica", "upgrades"}  # folders


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests that take longest, so that no worker waits for them at the end."""
    items.sort(key=lambda item: item.path.parent.name not in _LONGEST)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, django_db_blocker: DjangoDbBlocker
) -> None:
    """Have each worker's test database copied: dj-stripe's tables take ten seconds to build."""
    connections["default"].settings_dict["TEST"]["TEMPLATE"] = (
        os.environ.get("TEST_TEMPLATE") or template()  # `make mutants` names one
    )


@pytest.fixture(scope="session", autouse=True)
def _quick_teardown() -> Iterator[None]:
    """Have what tests with real transactions leave behind deleted quickly."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda _: empty())
        yield


@pytest.fixture(scope="session", autouse=True)
def _quick_passwords() -> Iterator[None]:
    """Hash passwords in a millisecond: in production that takes long, and 100 MB, on purpose."""
    with pytest.MonkeyPatch.context() as patch:
        for cost in ("time_cost", "memory_cost", "parallelism"):
            patch.setattr(Argon2PasswordHasher, cost, 8 if cost == "memory_cost" else 1)
        yield


@pytest.fixture(scope="session", autouse=True)
def _codes_outlive_their_thirty_seconds() -> Iterator[None]:
    """Take an authenticator's code also if its 30 seconds end between the test and the check."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "MFA_TOTP_TOLERANCE", 1, raising=False)
        yield


@pytest.fixture(scope="session", autouse=True)
def _static_files_listed_once() -> Iterator[None]:
    """Have each test client share one list of the static files, instead of reading the disk."""
    list_files = WhiteNoiseMiddleware.add_files_from_finders
    lists: dict[str, dict[str, Any]] = {}

    def share(middleware: WhiteNoiseMiddleware) -> None:
        if middleware.static_prefix not in lists:
            list_files(middleware)
            lists[middleware.static_prefix] = middleware.files
        middleware.files = lists[middleware.static_prefix]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoiseMiddleware, "add_files_from_finders", share)
        yield


@pytest.fixture(scope="session", autouse=True)
def _own_spool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Share no spool with other processes of tests, whose servers have other databases."""
    folder = tmp_path_factory.mktemp("spool")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "SETTLEMENT_SPOOL", folder)
        patch.setenv("SETTLEMENT_SPOOL", str(folder))
        yield


@pytest.fixture(scope="session", autouse=True)
def _catalog_read_each_time() -> Iterator[None]:
    """Let the pages of one test not show the models of another."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "CATALOG_SECONDS", 0)
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Iterator[None]:
    """A test that leaves a transaction open is named, not the next one that others cannot see.

    Not a fixture: it would look before pytest-django ends the transaction of a marked test.
    """
    yield
    if asyncio._get_running_loop() is None:  # beside Playwright's: tests/browser/conftest.py
        assert not connection.in_atomic_block


@pytest.fixture
def user(db: None) -> User:
    made: User = UserFactory.create()
    return made


@pytest.fixture
def api() -> APIClient:
    return APIClient()


@pytest.fixture(scope="session")
def stripe_process() -> Iterator[StripeProcess]:
    """One fake Stripe for all: whoever uses it resets it first."""
    with StripeProcess() as process:
        yield process


@pytest.fixture(scope="session")
def upstream() -> Iterator[UpstreamProcess]:
    with UpstreamProcess() as process:
        yield process


@pytest.fixture(scope="session")
def web(
    upstream: UpstreamProcess, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[WebServer]:
    with django_db_blocker.unblock(), demo_server(upstream) as server:
        yield server


@pytest.fixture
def catalog(transactional_db: None) -> Model:
    """One model, served by the demo upstream."""
    model: Model = RouteFactory.create(model__name=MODEL).model
    return model


@pytest.fixture
def developer(web: WebServer, catalog: Model) -> Iterator[Make]:
    """Make developers with just so many tokens."""
    made: list[Developer] = []

    def make(tokens: int = 100_000, *, server: WebServer = web) -> Developer:
        user = account(tokens)
        _, key = keys.create(user=user, name="test", scopes=["llm", "tokens:read"])
        headers = {"Authorization": f"Bearer {key}"}
        http = httpx.Client(base_url=server.url, headers=headers, timeout=300, trust_env=False)
        made.append(Developer(user.pk, key, http))
        return made[-1]

    yield make
    for each in made:
        each.http.close()


def pytest_collection_finish() -> None:
    """Keep the garbage collector from going through all that was imported, again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)
