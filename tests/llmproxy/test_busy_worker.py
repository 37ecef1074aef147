"""A worker whose connections or threads are all in use blames nobody, and serves all who wait."""

import asyncio
import time

import pytest

from config.database import Listener
from llmproxy.memory import Credential, Found, remembered
from llmproxy.models import Route
from tests.developer import Make
from tests.fakes.upstream.process import UpstreamProcess
from tests.llmproxy.test_disconnects import CHAT, body
from tests.webserver import demo_server


def test_no_connection_is_left_for_a_provider(developer: Make, upstream: UpstreamProcess) -> None:
    env = {
        "UPSTREAM_CONNECTIONS": "1",
        "UPSTREAM_CONNECT_TIMEOUT": "0.3",
        "BREAKER_FAILURES": "1",
        "UPSTREAM_NAME": "busy",  # Other tests break the other providers, for all servers.
    }
    with demo_server(upstream, **env) as server:
        dev = developer(server=server)
        Route.objects.update(provider="busy")
        with dev.http.stream("POST", CHAT, json=body("[[n=200,d=50]]")) as answer:
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

    async with asyncio.timeout(20):
        found = await asyncio.gather(*(remembered((True, "slow"), look_up) for _ in range(20)))

    assert found == ["ada"] * 20
    assert len(looked) <= 20
