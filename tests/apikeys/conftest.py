"""A user with one key, and a client that shows it."""

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from accounts.sessions import session_pairs
from apikeys import keys
from apikeys.models import ApiKey


@pytest.fixture
def made(user: User) -> tuple[ApiKey, str]:
    return keys.create(user=user, name="laptop")


@pytest.fixture
def key(made: tuple[ApiKey, str]) -> ApiKey:
    return made[0]


@pytest.fixture
def text(made: tuple[ApiKey, str]) -> str:
    return made[1]


@pytest.fixture
def signed_in(api: APIClient, user: User) -> APIClient:
    """The client of the key's owner, with a session."""
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {session_pairs.issue(user).access}")
    return api
