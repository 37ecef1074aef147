"""Who is revoked is refused by the proxy at once, though it remembers callers for a moment."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.conf import settings
from django.http import HttpRequest
from django.test import RequestFactory
from django.utils import timezone

from accounts.models import Session, User
from accounts.sessions import session_pairs
from accounts.sessions.jwts import AccessToken
from apikeys import keys
from apikeys.models import ApiKey
from core.database import Listener, in_thread
from core.errors import NotAuthenticated
from llmproxy.relay import callers, memory
from tests.developer import Developer, Make
from tests.tokens.accounts import account
from tests.waiting import wait_for
from tokens.models import Balance, Tier


def _by_key(dev: Developer) -> str:
    return dev.key


def _by_session(dev: Developer) -> str:
    return session_pairs.issue(User.objects.get(pk=dev.user_id)).access


def _revoke(user_id: int) -> None:
    keys.revoke(ApiKey.objects.get(user_id=user_id))
    session_pairs.revoke_all(User.objects.get(pk=user_id))


def _suspend(user_id: int) -> None:
    User.objects.filter(pk=user_id).update(is_active=False)


def _delete(user_id: int) -> None:
    ApiKey.objects.filter(user=user_id).delete()
    Session.objects.filter(user=user_id).delete()


@pytest.mark.parametrize("end", [_revoke, _suspend])
@pytest.mark.parametrize("credential", [_by_key, _by_session])
def test_it_is_refused_long_before_it_would_be_looked_up_anew(
    developer: Make, credential: Callable[[Developer], str], end: Callable[[int], None]
) -> None:
    dev = developer()
    headers = {"Authorization": f"Bearer {credential(dev)}"}
    assert dev.http.get("/api/llm/models", headers=headers).status_code == 200

    end(dev.user_id)

    def refused() -> bool:
        return dev.http.get("/api/llm/models", headers=headers).status_code == 401

    # Well before the worker would have looked them up anew by itself.
    wait_for(refused, seconds=memory.REMEMBER_SECONDS / 2)


def test_whoever_may_not_hear_of_it_remembers_nobody_for_a_second() -> None:
    assert Listener.SURE_SECONDS < 1


@pytest.fixture
async def listening(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Hear what the database announces, as a worker does; also on a machine that is slow."""
    monkeypatch.setattr(Listener, "SURE_SECONDS", 30.0)
    task = asyncio.create_task(memory.listen_for_ever())
    try:
        await _until(lambda: memory._listener.is_sure)
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(120):
        while not holds():  # noqa: ASYNC110 - announcements come by no event of ours
            await asyncio.sleep(0.005)


def _credentials(user: User) -> list[HttpRequest]:
    _, key = keys.create(user=user, name="laptop")
    session = session_pairs.issue(user).access
    headers = [{"X-API-Key": key}, {"Authorization": f"Bearer {session}"}]
    return [RequestFactory().get("/", headers=shown) for shown in headers]


async def _is_let_in(request: HttpRequest) -> bool:
    try:
        await callers.identify(request)
    except NotAuthenticated:
        return False
    return True


async def test_whoever_is_not_changed_is_remembered(
    listening: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, other = await in_thread(account, 0), await in_thread(account, 1)
    by_key, by_session = await in_thread(_credentials, user)
    for request in (by_key, by_session):
        await callers.identify(request)
    before = dict(memory._known)

    await in_thread(session_pairs.revoke_all, other)
    await in_thread(ApiKey.objects.filter(user=user).update, last_used_at=timezone.now())
    # So long that, were the announcements not proven to come, nobody would be remembered.
    later = SimpleNamespace(monotonic=lambda: time.monotonic() + Listener.SURE_SECONDS)
    monkeypatch.setattr(memory, "time", later)
    await _until(lambda: memory._listener.is_sure)

    for request in (by_key, by_session):
        await callers.identify(request)
    assert memory._known == before


@pytest.mark.parametrize("request_of", [0, 1], ids=["key", "session"])
@pytest.mark.parametrize("end", [_suspend, _revoke, _delete])
async def test_an_announcement_does_it(
    listening: None, end: Callable[[int], None], request_of: int
) -> None:
    user = await in_thread(account, 0)
    request = (await in_thread(_credentials, user))[request_of]
    assert await _is_let_in(request)

    await in_thread(end, user.pk)

    async with asyncio.timeout(25):
        while await _is_let_in(request):  # noqa: ASYNC110
            await asyncio.sleep(0)


@pytest.mark.parametrize("edits_plan", [True, False])
async def test_another_plan_is_in_force_at_once(listening: None, edits_plan: bool) -> None:
    user = await in_thread(account, 0)
    request = (await in_thread(_credentials, user))[0]
    tier = (await callers.identify(request)).plan

    if edits_plan:
        await in_thread(Tier.objects.filter(name=tier).update, requests_per_minute=7)
    else:
        limits = {"monthly_tokens": 0, "tokens_per_minute": 1, "concurrent_requests": 1}
        await in_thread(Tier.objects.create, name="other", requests_per_minute=7, **limits)
        await in_thread(Balance.objects.filter(user=user).update, tier="other")

    async with asyncio.timeout(25):
        while (await callers.identify(request)).limits.requests_per_minute != 7:  # noqa: ASYNC110
            await asyncio.sleep(0)


async def test_a_key_that_expires_is_refused_on_time(
    listening: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = await in_thread(account, 0)
    request = (await in_thread(_credentials, user))[0]
    then = timezone.now() + timedelta(seconds=10)
    await in_thread(ApiKey.objects.filter(user=user).update, expires_at=then)

    monkeypatch.setattr(timezone, "now", lambda: then - timedelta(microseconds=1))
    assert await _is_let_in(request)
    monkeypatch.setattr(timezone, "now", lambda: then)
    assert not await _is_let_in(request)


def _session_that_expired(user: User, ago: float) -> HttpRequest:
    token = AccessToken(session_pairs.issue(user).access)  # type: ignore[arg-type]
    token.set_exp(from_time=timezone.now(), lifetime=timedelta(seconds=-ago))
    return RequestFactory().get("/", headers={"Authorization": f"Bearer {token}"})


async def test_a_token_in_its_leeway_is_looked_up_once(listening: None) -> None:
    """Clocks differ by seconds: until then the token is accepted, and remembered like others."""
    user, leeway = await in_thread(account, 0), settings.SIMPLE_JWT["LEEWAY"]
    request = await in_thread(_session_that_expired, user, leeway - 3)

    assert await _is_let_in(request)
    credential = callers._credential(request)
    entry = memory._known[credential]
    assert await _is_let_in(request)

    assert memory._known[credential] is entry


async def test_a_token_past_its_leeway_is_refused(listening: None) -> None:
    user, leeway = await in_thread(account, 0), settings.SIMPLE_JWT["LEEWAY"]
    request = await in_thread(_session_that_expired, user, leeway + 1)

    assert not await _is_let_in(request)


async def test_what_ends_while_it_is_looked_up_is_not_looked_up_again() -> None:
    """The look-up said that it is good; to ask until it is not would be a busy loop."""
    looked_up: list[memory.Credential] = []

    def look_up(credential: memory.Credential) -> memory.Found[str]:
        looked_up.append(credential)
        return memory.Found("a caller", 1, timezone.now())

    assert await memory.remembered((True, "short-lived"), look_up) == "a caller"

    assert len(looked_up) == 1
