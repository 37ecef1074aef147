"""Callers from addresses of their own, so that no test uses up another's rate limits."""

import secrets
from ipaddress import IPv6Address

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from tests.accounts.signing_in import fresh_email
from tests.factories import UserFactory


@pytest.fixture
def api() -> APIClient:
    return APIClient(REMOTE_ADDR=str(IPv6Address(secrets.randbits(128))))


@pytest.fixture
def user(db: None) -> User:
    return UserFactory.create(email=fresh_email())
