"""GET /metrics: the figures of every worker process, for Prometheus and nobody else."""

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from asgiref.sync import async_to_sync
from django.test import Client
from django_redis import get_redis_connection  # type: ignore[import-untyped]
from pytest_django import Settings

from config import gunicorn, tasks
from config.celery import app
from tests.developer import MODEL, Make
from tests.fakes.upstream_process import UpstreamProcess
from tests.webserver import ROOT, WebServer, demo_server
from tokens import ledger
from tokens.errors import LimitReached
from tokens.limits.admission import admit
from tokens.limits.states import Limits

CALL = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5}


@pytest.fixture(autouse=True)
def token(settings: Settings) -> None:
    settings.METRICS_TOKEN = "scraper"


@pytest.fixture
def two_workers(upstream: UpstreamProcess, transactional_db: None) -> Iterator[WebServer]:
    with demo_server(upstream, WEB_CONCURRENCY="2", METRICS_TOKEN="scraper") as server:
        yield server


def test_metrics_cover_every_worker_process(two_workers: WebServer, developer: Make) -> None:
    ada = developer(server=two_workers)
    for _ in range(10):
        assert ada.http.post("/api/llm/chat/completions", json=CALL).status_code == 200
    assert ada.http.get("/api/tokens/none").status_code == 404

    text = scraped(two_workers)

    assert (
        figure(text, 'request_seconds_count{method="POST",route="api/llm/chat/.*status="200"') == 10
    )
    assert figure(text, 'upstream_attempts_total{outcome="ok",provider="demo"') == 10
    assert figure(text, 'tokens_total{kind="completion",provider="demo"') == 50
    assert figure(text, 'errors_total{code="not_found"') == 1
    assert figure(text, 'ledger_batch_size_count{function="tokens_settle"') >= 1
    assert figure(text, "reservations_open") == 0


def test_every_figure_is_in_the_docs(client: Client, db: None) -> None:
    documented = set(re.findall(r"`tokengate_(\w+)`", (ROOT / "docs/metrics.md").read_text()))

    told = set(re.findall(r"^# TYPE tokengate_(\w+) ", asked(client), re.MULTILINE))

    assert {name for name in told if not name.endswith("_created")} == documented


def test_limits_that_are_hit(client: Client, db: None) -> None:
    label = 'limits_hit_total{limit="requests_per_minute"'
    before = figure(asked(client), label)

    async def story() -> None:
        limits = Limits(requests_per_minute=1, tokens_per_minute=1000, concurrent_requests=9)
        for _ in range(2):
            await admit(user_id=7_311_846, api_key=None, limits=limits, tokens=1)

    with pytest.raises(LimitReached):
        async_to_sync(story)()
    assert figure(asked(client), label) == before + 1


def test_what_is_held(client: Client, developer: Make) -> None:
    ada = developer()
    ledger.reserve(user_id=ada.user_id, amount=30, ttl=60)
    ledger.reserve(user_id=ada.user_id, amount=12, ttl=-1)

    text = asked(client)
    assert figure(text, "reservations_open") == 2
    assert figure(text, "tokens_held") == 42
    assert figure(text, "reservations_overdue") == 1


def test_what_tasks_came_to(client: Client, db: None) -> None:
    label = 'tasks_total{state="failure",task="tests.fails"'
    before = figure(asked(client), label)

    @app.task(name="tests.fails")
    def fails() -> None:
        raise ZeroDivisionError

    fails.apply()
    assert figure(asked(client), label) == before + 1


def test_what_cannot_be_read_is_told_and_the_rest_is_there(
    client: Client, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "_OUTCOMES", "tests:outcomes")  # other tests read the real ones
    redis = get_redis_connection()
    redis.set("tests:outcomes", "no hash")
    try:
        text = asked(client)
    finally:
        redis.delete("tests:outcomes")

    assert figure(text, 'scrape_failed{source="tasks"') == 1
    assert "tokengate_reservations_open" in text


@pytest.mark.parametrize("header", [None, "Bearer wrong", "scraper2", "Bearer "])
def test_not_for_the_public(client: Client, header: str | None) -> None:
    headers = {"Authorization": header} if header else {}
    assert client.get("/metrics", headers=headers).status_code == 404


def test_without_a_token_production_tells_nobody(client: Client, settings: Settings) -> None:
    settings.METRICS_TOKEN, settings.DEBUG = "", False
    assert client.get("/metrics").status_code == 404


def test_without_a_token_a_checkout_tells_itself(client: Client, settings: Settings) -> None:
    settings.METRICS_TOKEN, settings.DEBUG = "", True
    assert client.get("/metrics", REMOTE_ADDR="192.0.2.1").status_code == 404


def asked(client: Client) -> str:
    answer = client.get("/metrics", headers={"Authorization": "Bearer scraper"})
    assert answer.status_code == 200
    return answer.text


def scraped(server: WebServer) -> str:
    answer = httpx.get(
        f"{server.url}/metrics", headers={"Authorization": "Bearer scraper"}, trust_env=False
    )
    return answer.raise_for_status().text


def figure(text: str, beginning: str) -> float:
    """Return the value of the figure that begins like this, 0 when there is none."""
    pattern = rf"^tokengate_{beginning.replace('{', '[{]')}.* ([0-9.e+]+)$"
    found = re.search(pattern, text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_a_workers_gauges_end_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the connections of a killed worker would be counted for ever."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    for name in ("gauge_livesum_17.db", "gauge_livesum_18.db", "counter_17.db"):
        (tmp_path / name).touch()

    gunicorn.child_exit(None, SimpleNamespace(pid=17))

    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "counter_17.db",
        "gauge_livesum_18.db",
    ]
