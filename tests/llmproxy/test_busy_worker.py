"""A worker whose connections or threads are all in use blames nobody, and serves all who wait."""

import asyncio
import threading
import time

import pytest

from core.database import Listener
from llmproxy.models import Route
from llmproxy.relay import memory
from llmproxy.relay.memory import Credential, Found, remembered
from tests.developer import Make
from tests.fakes.upstream_process import UpstreamProcess
from tests.llmproxy.streams import CHAT, body
from tests.webserver import demo_server


def test_no_connection_is_left_for_a_provider(developer: Make, upstream: UpstreamProcess) -> None:
    env = {
        "UPSTREAM_CONNECTIONS": "1",
        "UPSTREAM_CONNECT_TIMEOUT": "2",
        "BREAKER_FAILURES": "1",
        "UPSTREAM_NAME": "busy",  # Other tests break the other providers, for all servers.
    }
    with demo_server(upstream, **env) as server:
        dev = developer(server=server)
        Route.objects.update(provider="busy")
        with dev.http.stream("POST", CHAT, json=body("[[n=200,d=500]]")) as answer:
            lines = answer.iter_lines()
            next(lines)
            refused = dev.chat()
        providers = dev.http.get("/api/llm/providers").json()["data"]

    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "unavailable")
    assert {one["health"] for one in providers} == {"up"}
    assert [one.charged for one in dev.receipts if one.status == "failed"] == [0]


async def test_a_slow_look_up_serves_all_who_wait_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though what it found is remembered for less than it took."""
    monkeypatch.setattr(Listener, "SURE_SECONDS", 0.001)
    looked: list[Credential] = []

    def look_up(credential: Credential) -> Found[str]:
        looked.append(credential)
        time.sleep(0.05)
        return Found("ada", user_id=-1, until=None)

    async with asyncio.timeout(120):
        found = await asyncio.gather(*(remembered((True, "slow"), look_up) for _ in range(20)))

    assert found == ["ada"] * 20
    assert len(looked) <= 20


async def test_those_who_ask_at_once_share_one_look_up() -> None:
    looked: list[Credential] = []
    all_have_asked = threading.Event()

    def look_up(credential: Credential) -> Found[str]:
        looked.append(credential)
        all_have_asked.wait(120)
        return Found("ada", user_id=-2, until=None)

    asking = [asyncio.create_task(remembered((True, "shared"), look_up)) for _ in range(20)]
    await asyncio.sleep(0)
    all_have_asked.set()

    assert await asyncio.gather(*asking) == ["ada"] * 20
    assert len(looked) == 1


async def test_a_caller_who_changes_during_their_look_up_is_looked_up_anew() -> None:
    """As one who is suspended just then, and was found before."""
    begun, changed = threading.Event(), threading.Event()
    states = iter(["active", "suspended"])

    def look_up(credential: Credential) -> Found[str]:
        found = next(states)
        begun.set()
        changed.wait(120)
        return Found(found, user_id=-3, until=None)

    asking = asyncio.create_task(remembered((True, "changing"), look_up))
    await asyncio.to_thread(begun.wait, 120)
    memory._forget("-3")
    changed.set()

    assert await asking == "suspended"
