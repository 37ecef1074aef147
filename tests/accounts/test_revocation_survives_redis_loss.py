"""With Redis emptied or unreachable: revoked sessions stay revoked, and logins stay limited."""

import socket
from collections.abc import Iterator

import pytest
from django.core.cache import cache, caches
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import User
from accounts.sessions import session_pairs
from tests.accounts.signing_in import code, fresh_email, log_in, profile, refresh
from tests.redis_databases import spare


def _use_redis(settings: Settings, url: str) -> None:
    settings.CACHES = {name: {**cache, "LOCATION": url} for name, cache in settings.CACHES.items()}


@pytest.fixture
def no_redis(settings: Settings) -> Iterator[None]:
    """Point every cache at a port where nobody listens."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        _use_redis(settings, f"redis://127.0.0.1:{reserved.getsockname()[1]}/0")
        yield


@pytest.fixture
def own_redis(settings: Settings) -> None:
    """Use another database of the same server, which a test may empty."""
    _use_redis(settings, spare(settings.REDIS_URL))


@pytest.mark.usefixtures("own_redis")
def test_emptied(api: APIClient, user: User) -> None:
    kept, ended = session_pairs.issue(user), session_pairs.issue(user)
    session_pairs.revoke(session_pairs.verify(ended.access).session_id)
    cache.clear()
    caches["attempts"].clear()
    assert code(profile(ended.access)) == "token_revoked"
    assert code(refresh(api, ended.refresh)) == "token_revoked"
    assert profile(kept.access).status_code == 200
    assert refresh(api, kept.refresh).status_code == 200


@pytest.mark.usefixtures("no_redis")
def test_unreachable(api: APIClient, user: User) -> None:
    kept, ended = session_pairs.issue(user), session_pairs.issue(user)
    assert profile(ended.access).status_code == 200
    api.post("/api/auth/logout", headers={"Authorization": f"Bearer {ended.access}"})
    assert code(profile(ended.access)) == "token_revoked"
    assert code(refresh(api, ended.refresh)) == "token_revoked"
    assert profile(kept.access).status_code == 200
    assert refresh(api, kept.refresh).status_code == 200


@pytest.mark.usefixtures("no_redis")
def test_reuse_is_still_detected(api: APIClient, user: User, settings: Settings) -> None:
    settings.REFRESH_GRACE_SECONDS = 0
    first = session_pairs.issue(user)
    second = refresh(api, first.refresh).json()
    assert code(refresh(api, first.refresh)) == "token_revoked"
    assert code(profile(second["access"])) == "token_revoked"


@pytest.mark.usefixtures("no_redis")
def test_logins_are_still_limited(api: APIClient, user: User, settings: Settings) -> None:
    settings.LOGIN_RATE_PER_ACCOUNT = "2/d"
    codes = [log_in(api, user, "wrong").status_code for _ in range(3)]
    assert codes == [401, 401, 429]
    assert log_in(api, User(email=fresh_email())).status_code == 401
