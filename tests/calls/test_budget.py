"""No change makes a request call noticeably more Python functions than ``budget.json`` allows.

The counts repeat exactly, whatever else the machine does. If a change needs more, or needs fewer,
correct the file: it says how many calls one request makes, in the same commit. `python -m
tests.calls` tells which functions they are.
"""

import json
import os
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from tests.calls.counting import calls
from tests.developer import MODEL, Make
from tests.load.lockstep import Lockstep
from tests.load.proxy import environment
from tests.webserver import WebServer, database_url

pytestmark = pytest.mark.django_db(transaction=True)

BUDGET: dict[str, int] = json.loads(Path(__file__).with_name("budget.json").read_text())
_MARGIN = 1.03


def test_requests_stay_within_their_budget(developer: Make) -> None:
    with Lockstep() as ends, Path(os.devnull).open("wb") as log:
        env = {
            **environment(f"http://127.0.0.1:{ends.port}/v1"),
            "UPSTREAM_NAME": "demo",
            "DATABASE_URL": database_url(connection.settings_dict["NAME"]),
            "REDIS_URL": settings.REDIS_URL,
        }
        with WebServer(env, log=log, app="tests.calls.counted:application") as server:
            ends.connect(server.port)
            found = calls(ends, developer(server=server).key, MODEL)
            counted = {kind: each.total() for kind, each in found.items()}

    assert {name: count for name, count in counted.items() if count > BUDGET[name] * _MARGIN} == {}
    stale = {name: count for name, count in counted.items() if count * _MARGIN < BUDGET[name]}
    assert stale == {}, "Fewer calls than in budget.json: lower the figures there."
