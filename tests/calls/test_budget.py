"""No change makes a request call noticeably more Python functions than ``budget.json`` allows.

The counts repeat within a few calls, whatever else the machine does. If a change needs more, or
needs fewer, correct the file: it says how many calls one request makes, in the same commit.
`python -m tests.calls` tells which functions they are.
"""

import json
import os
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from tests.calls.counting import KINDS, calls_of
from tests.developer import MODEL, Make
from tests.fakes.upstream_process import UpstreamProcess
from tests.load.proxy import environment
from tests.webserver import WebServer, database_url, demo_settings

pytestmark = pytest.mark.django_db(transaction=True)

BUDGET: dict[str, int] = json.loads(Path(__file__).with_name("budget.json").read_text())
_MARGIN = 1.03


def test_requests_stay_within_their_budget(developer: Make, upstream: UpstreamProcess) -> None:
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
        http = developer(server=server).http
        counted = {kind: calls_of(http, kind, model=MODEL).total() for kind in KINDS}

    assert {name: count for name, count in counted.items() if count > BUDGET[name] * _MARGIN} == {}
    stale = {name: count for name, count in counted.items() if count * _MARGIN < BUDGET[name]}
    assert stale == {}, "Fewer calls than in budget.json: lower the figures there."
