"""Who is revoked is refused by the proxy at once, though it remembers callers for a moment."""

import asyncio
from collections.abc import Callable
from functools import partial

import pytest
from django.http import HttpRequest
from django.test import RequestFactory

from accounts import sessions
from accounts.models import User
from apikeys import keys
from apikeys.errors import InvalidApiKey
from apikeys.models import ApiKey
from config.database import in_thread
from llmproxy import callers
from tests.developer import Developer, Make
from tests.llmproxy.test_disconnects import wait_for
from tests.tokens.accounts import account


def _by_key(dev: Developer) -> str:
    return dev.key


def _by_session(dev: Developer) -> str:
    return sessions.issue(User.objects.get(pk=dev.user_id)).access


def _revoke(dev: Developer) -> None:
    keys.revoke(ApiKey.objects.get(user_id=dev.user_id))
    sessions.revoke_all(User.objects.get(pk=dev.user_id))


def _suspend(dev: Developer) -> None:
    User.objects.filter(pk=dev.user_id).update(is_active=False)


async def _identify_for_ever(request: HttpRequest) -> None:
    while True:
        await callers.identify(request)
        await asyncio.sleep(0)


@pytest.mark.parametrize("end", [_revoke, _suspend])
@pytest.mark.parametrize("credential", [_by_key, _by_session])
def test_it_is_refused_within_a_second(
    developer: Make, credential: Callable[[Developer], str], end: Callable[[Developer], None]
) -> None:
    dev = developer()
    headers = {"Authorization": f"Bearer {credential(dev)}"}
    assert dev.http.get("/api/llm/models", headers=headers).status_code == 200

    end(dev)

    def refused() -> bool:
        return dev.http.get("/api/llm/models", headers=headers).status_code == 401

    wait_for(refused, seconds=callers.REMEMBER_SECONDS + 0.1)


async def test_an_announcement_does_it(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = await in_thread(account, 0)
    _, key = await in_thread(partial(keys.create, user=user, name="laptop"))
    request = RequestFactory().get("/", headers={"X-API-Key": key})
    monkeypatch.setattr(callers, "REMEMBER_SECONDS", 60.0)
    listening = asyncio.create_task(callers.forget_the_revoked())
    try:
        assert (await callers.identify(request)).user_id == user.pk

        await in_thread(partial(keys.revoke_all, user=user))

        async with asyncio.timeout(10):
            with pytest.raises(InvalidApiKey):
                await _identify_for_ever(request)
    finally:
        listening.cancel()
        await asyncio.wait([listening])
