"""Callers from addresses of their own, so that no test uses up another's rate limits."""

import secrets
from collections.abc import Iterator
from ipaddress import IPv6Address

import pytest
from django.core import signals
from django.db import close_old_connections
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import User
from accounts.oidc import editors
from tests.accounts.editor import Browser, Connect, Editor, in_process
from tests.accounts.provider import provider, provider_process
from tests.accounts.signing_in import fresh_email
from tests.factories import UserFactory

__all__ = ["api", "provider", "provider_process", "user"]


@pytest.fixture
def api() -> APIClient:
    return APIClient(REMOTE_ADDR=str(IPv6Address(secrets.randbits(128))))


@pytest.fixture(autouse=True)
def _no_window_ends_within_a_test(settings: Settings) -> None:
    """Count attempts by the day: a count that begins anew within the test is no failure."""
    settings.LOGIN_RATE_PER_ACCOUNT = "10/d"


@pytest.fixture
def user(db: None) -> User:
    return UserFactory.create(email=fresh_email())


@pytest.fixture
def connect(db: None) -> Iterator[Connect]:
    """Connect to the site in this process; a test of the real server overrides it."""
    ends = (signals.request_started, signals.request_finished)
    for end in ends:
        end.disconnect(close_old_connections)  # the test's transaction goes on
    yield in_process
    for end in ends:
        end.connect(close_old_connections)


@pytest.fixture
def member(connect: Connect) -> User:
    return UserFactory.create(email=fresh_email())


@pytest.fixture
def editor(connect: Connect) -> Editor:
    editors.seed()
    return Editor(connect())


@pytest.fixture
def browser(connect: Connect, member: User) -> Browser:
    """A browser that the member is signed in with."""
    return Browser(connect(), user=member)
