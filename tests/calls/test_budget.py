"""No change makes a request call noticeably more Python functions than ``budget.json`` allows.

The counts repeat within a few calls, whatever else the machine does. If a change needs more, or
needs fewer, correct the file: it says how many calls one request makes, in the same commit.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from tests.developer import MODEL, Developer, Make
from tests.fakes.upstream_process import UpstreamProcess
from tests.llmproxy.streams import CHAT, body
from tests.load.proxy import environment
from tests.webserver import WebServer, database_url, demo_settings

pytestmark = pytest.mark.django_db(transaction=True)

BUDGET: dict[str, int] = json.loads(Path(__file__).with_name("budget.json").read_text())
_MARGIN = 1.03
_WARM_UP = 20
_ROUNDS = 30
_REQUESTS = 5
_TEXT = "[[n=50,d=0]]"


def _json(dev: Developer) -> None:
    dev.chat(_TEXT).raise_for_status()


def _stream(dev: Developer) -> None:
    # One token: of more, it would depend on the timing how many arrive at once.
    with dev.http.stream("POST", CHAT, json=body("[[n=1,d=0]]")) as answer:
        answer.raise_for_status()
        answer.read()


def _messages(dev: Developer) -> None:
    message: dict[str, Any] = {"role": "user", "content": _TEXT}
    asked = {"model": MODEL, "max_tokens": 500, "messages": [message]}
    dev.http.post("/v1/messages", json=asked).raise_for_status()


def calls_of_a_request(dev: Developer, ask: Callable[[Developer], None]) -> int:
    """Return the fewest of several rounds: background tasks run in some of them."""
    for _ in range(_WARM_UP):
        ask(dev)
    counts = []
    for _ in range(_ROUNDS):
        before = int(dev.http.get("/calls").text)
        for _ in range(_REQUESTS):
            ask(dev)
        counts.append((int(dev.http.get("/calls").text) - before) / _REQUESTS)
    return round(min(counts))


def test_requests_stay_within_their_budget(developer: Make, upstream: UpstreamProcess) -> None:
    kinds = {"chat, JSON": _json, "chat, stream": _stream, "messages, JSON": _messages}
    env = {
        **environment(upstream.url),
        **demo_settings(upstream),
        "CATALOG_SECONDS": "60",
        "DATABASE_URL": database_url(connection.settings_dict["NAME"]),
        "REDIS_URL": settings.REDIS_URL,
    }
    with (
        Path(os.devnull).open("wb") as log,
        WebServer(env, log=log, app="tests.calls.counted:application") as server,
    ):
        dev = developer(server=server)
        counted = {name: calls_of_a_request(dev, ask) for name, ask in kinds.items()}

    assert {name: count for name, count in counted.items() if count > BUDGET[name] * _MARGIN} == {}
    stale = {name: count for name, count in counted.items() if count * _MARGIN < BUDGET[name]}
    assert stale == {}, "Fewer calls than in budget.json: lower the figures there."
