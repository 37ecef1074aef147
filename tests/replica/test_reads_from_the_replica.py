"""DATABASE_REPLICA_URL: usage is read from a standby that has all of it, else from the primary."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest

from tests.developer import MODEL
from tests.fakes.upstream_process import UpstreamProcess
from tests.replica.pair import Pair
from tests.waiting import wait_for
from tests.webserver import ROOT, WebServer, demo_server

USAGE = "/api/tokens/usage"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None) -> Iterator[Pair]:
    made = Pair(tmp_path_factory.mktemp("pair"))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def server(pair: Pair, upstream: UpstreamProcess) -> Iterator[WebServer]:
    env = {
        "DATABASE_URL": pair.primary.url,
        "DATABASE_REPLICA_URL": pair.standby.url,
        "DATABASE_REPLICA_MAX_LAG": "30",  # a busy machine is not late
        "METRICS_TOKEN": "scraper",
    }
    with demo_server(upstream, **env) as server:
        yield server


@pytest.fixture
def http(pair: Pair, server: WebServer) -> Iterator[httpx.Client]:
    """A user of the primary, at the web server."""
    key = subprocess.run(
        [sys.executable, "-m", "tests.replica.person"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": pair.primary.url},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=120, trust_env=False) as client:
        wait_for(lambda: usage_is_read(client, "used"))
        yield client


def ask(http: httpx.Client) -> str:
    """Have a request answered and charged; return its id."""
    call = {"model": MODEL, "messages": [{"role": "user", "content": "[[n=3,d=0]]"}]}
    answer = http.post("/api/llm/chat/completions", json=call).raise_for_status()
    return answer.headers["x-request-id"]


def ids(http: httpx.Client) -> list[str]:
    page = http.get(USAGE).raise_for_status().json()
    return [record["request_id"] for record in page["results"]]


def read(http: httpx.Client, outcome: str) -> float:
    text = http.get("/metrics", headers={"Authorization": "Bearer scraper"}).text
    found = re.search(
        rf'^tokengate_replica_reads_total{{outcome="{outcome}"}} (\S+)', text, re.MULTILINE
    )
    return float(found[1]) if found else 0.0


def usage_is_read(http: httpx.Client, outcome: str) -> bool:
    before = read(http, outcome)
    http.get(USAGE).raise_for_status()
    return read(http, outcome) > before


def test_usage_is_read_from_the_standby(pair: Pair, http: httpx.Client) -> None:
    ask(http)
    reads = "SELECT sum(idx_scan) FROM pg_stat_user_tables WHERE relname ~ '^tokens_usagerecord'"
    before = pair.standby.value(reads)

    assert usage_is_read(http, "used")

    def was_read() -> bool:  # The server tells its figures after a while.
        return pair.standby.value(reads) != before

    wait_for(was_read)


def test_everybody_sees_what_they_did_a_moment_ago(http: httpx.Client) -> None:
    asked: list[str] = []
    used = read(http, "used")
    for _ in range(25):
        asked.insert(0, ask(http))
        assert ids(http) == asked
    assert read(http, "used") == used + 25


def test_sums_and_csv_agree(http: httpx.Client) -> None:
    asked = [ask(http) for _ in range(3)]

    (day,) = http.get(f"{USAGE}?group_by=day").json()["results"]
    csv = http.get(f"{USAGE}?format=csv").text

    assert day["requests"] == 3
    assert all(name in csv for name in asked)


def test_a_standby_that_is_late_is_not_read(
    pair: Pair, upstream: UpstreamProcess, http: httpx.Client
) -> None:
    env = {
        "DATABASE_URL": pair.primary.url,
        "DATABASE_REPLICA_URL": pair.standby.url,
        "DATABASE_REPLICA_MAX_LAG": "0.05",
        "METRICS_TOKEN": "scraper",
    }
    with (
        demo_server(upstream, **env) as impatient,
        httpx.Client(
            base_url=impatient.url, headers=http.headers, timeout=120, trust_env=False
        ) as here,
    ):
        pair.standby.execute("SELECT pg_wal_replay_pause()")
        try:
            name = ask(here)
            assert ids(here) == [name]
            assert read(here, "late") == 1
            assert usage_is_read(here, "away"), "nobody waits for it again at once"
        finally:
            pair.standby.execute("SELECT pg_wal_replay_resume()")
        wait_for(lambda: usage_is_read(here, "used"))


def test_a_standby_that_is_down_disturbs_nobody(pair: Pair, http: httpx.Client) -> None:
    pair.standby.stop()
    try:
        name = ask(http)
        assert ids(http) == [name]
        assert ids(http) == [name]
        assert read(http, "away") + read(http, "failed") > 0
    finally:
        pair.standby.start()
    wait_for(lambda: usage_is_read(http, "used"))
    assert ids(http) == [name]


def test_the_lag_of_the_standby_is_told(pair: Pair, http: httpx.Client) -> None:
    def told() -> bool:
        text = http.get("/metrics", headers={"Authorization": "Bearer scraper"}).text
        return 'tokengate_replication_lag_bytes{standby="walreceiver"}' in text

    wait_for(told)
