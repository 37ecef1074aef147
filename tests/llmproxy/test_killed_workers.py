"""Workers that are killed under their streams: what was streamed is charged, once."""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db.models import F
from django.utils import timezone
from pytest_django import Settings

from llmproxy.models import Route
from llmproxy.settlement.reconciliation import reconcile
from tests.developer import MODEL, Developer, Make
from tests.fakes.upstream_process import UpstreamProcess
from tests.llmproxy.streams import CHAT, body, nothing_is_held
from tests.llmproxy.usage_lookup import environment, served_by
from tests.tokens.limits_clock import LimitsClock
from tests.waiting import wait_for
from tests.webserver import WebServer, demo_server
from tokens import ledger
from tokens.ledger.verify import verify
from tokens.limits import admission as limits
from tokens.limits.states import Limits
from tokens.models import Entry, Reservation, UsageRecord

pytestmark = pytest.mark.usefixtures("usage_lookup_providers")

Start = Callable[..., WebServer]


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def second() -> Iterator[UpstreamProcess]:
    with UpstreamProcess() as process:
        yield process


@pytest.fixture
def start(upstream: UpstreamProcess, spool: Path) -> Iterator[Start]:
    """Start servers that share a spool with nobody but each other."""
    started: list[WebServer] = []

    def begin(**env: str) -> WebServer:
        env = {**environment(upstream), "SETTLEMENT_SPOOL": str(spool), **env}
        started.append(demo_server(upstream, **env))
        return started[-1]

    yield begin
    for server in started:
        server.stop()


async def _open_streams(dev: Developer, count: int, streaming: asyncio.Event) -> None:
    limits = httpx.Limits(max_connections=None)
    headers = {"Authorization": f"Bearer {dev.key}"}
    running = 0

    async with httpx.AsyncClient(
        base_url=dev.http.base_url, headers=headers, limits=limits, timeout=300, trust_env=False
    ) as client:

        async def one() -> None:
            nonlocal running
            async with client.stream("POST", CHAT, json=body("[[n=200,d=100]]")) as answer:
                lines = answer.aiter_lines()
                await anext(lines)
                running += 1
                if running == count:
                    streaming.set()
                async for _ in lines:
                    pass

        await asyncio.gather(*(one() for _ in range(count)), return_exceptions=True)


def slots_taken(dev: Developer) -> int:
    roomy = Limits(1_000, 1_000, 1_000)
    return 1_000 - limits.peek(user_id=dev.user_id, api_key=None, limits=roomy).slots_left


def kill_under_streams(server: WebServer, dev: Developer, count: int) -> None:
    """Kill it as soon as each of so many streams has said its first word."""

    async def kill() -> None:
        streaming = asyncio.Event()
        clients = asyncio.create_task(_open_streams(dev, count, streaming))
        await asyncio.wait_for(streaming.wait(), 120)
        assert slots_taken(dev) >= count
        server.kill()
        await clients

    asyncio.run(kill())


def test_what_50_streams_had_said_is_charged_by_the_next_worker(
    developer: Make, start: Start
) -> None:
    server = start()
    dev = developer(1_000_000, server=server)
    kill_under_streams(server, dev, 50)
    assert Reservation.objects.filter(user_id=dev.user_id, state="held").count() == 50

    start()
    wait_for(nothing_is_held)

    receipts = dev.receipts
    assert len(receipts) == 50
    for receipt in receipts:
        assert (receipt.status, receipt.source, receipt.final) == ("failed", "estimated", False)
        assert 1 <= receipt.completion_tokens < 200
        assert receipt.provider == "demo"
    assert dev.balance.used == sum(receipt.charged for receipt in receipts)
    assert dev.balance.reserved == 0
    assert verify() == []


def test_the_usage_lookup_makes_the_charge_exact(
    developer: Make, start: Start, upstream: UpstreamProcess
) -> None:
    server = start()
    dev = developer(server=server)
    served_by("openrouter")
    with dev.http.stream("POST", CHAT, json=body("[[n=200,d=50,prompt=55]]")) as answer:
        lines = answer.iter_lines()
        next(lines)
        server.kill()
    wait_for(lambda: upstream.journal()[-1]["outcome"] == "cancelled")

    start()
    wait_for(nothing_is_held)
    assert reconcile().adjusted == 1

    (receipt,) = dev.receipts
    assert (receipt.status, receipt.source, receipt.final) == ("failed", "reported", True)
    assert receipt.charged == 55 + upstream.journal()[-1]["completion_tokens"] == dev.balance.used
    assert verify() == []


def test_the_sweep_of_late_holds_settles_what_no_worker_comes_for(
    developer: Make, start: Start, spool: Path, settings: Settings
) -> None:
    server = start()
    dev = developer(server=server)
    kill_under_streams(server, dev, 1)

    settings.SETTLEMENT_SPOOL = spool
    call_command("expire_reservations", verbosity=0)

    (receipt,) = dev.receipts
    assert (receipt.status, receipt.source) == ("failed", "estimated")
    assert receipt.charged == dev.balance.used > 0


def test_without_the_disk_their_holds_expire(
    developer: Make, start: Start, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start()
    dev = developer(1_000_000, server=server)
    kill_under_streams(server, dev, 50)
    shutil.rmtree(spool)

    call_command("expire_reservations", verbosity=0)
    assert not nothing_is_held()
    _let_the_leases_end(monkeypatch)
    call_command("expire_reservations", verbosity=0)

    assert nothing_is_held()
    assert dev.balance.reserved == 0
    assert dev.balance.available == 1_000_000
    assert not Entry.objects.filter(user_id=dev.user_id, kind="usage").exists()
    assert UsageRecord.objects.filter(user_id=dev.user_id, status="abandoned").count() == 50
    assert slots_taken(dev) == 0
    assert verify() == []


def _let_the_leases_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the time pass after which holds and slots are free that nobody renews."""
    term = timedelta(seconds=settings.RESERVATION_TTL)
    Reservation.objects.update(expires_at=F("expires_at") - term)
    LimitsClock(monkeypatch, ms=round((timezone.now() + term).timestamp() * 1000))


def test_without_the_disk_a_longer_stream_is_charged_by_the_usage_lookup(
    developer: Make, start: Start, upstream: UpstreamProcess, spool: Path
) -> None:
    """Who answers it had been noted in the database by then."""
    server = start(RESERVATION_TTL="1")
    dev = developer(server=server)
    served_by("openrouter")
    with dev.http.stream("POST", CHAT, json=body("[[n=2000,d=20,prompt=55]]")) as answer:
        for _ in answer.iter_lines():
            if Reservation.objects.exclude(upstream_id="").exists():
                break
        server.kill()
    shutil.rmtree(spool)
    wait_for(lambda: upstream.journal()[-1]["outcome"] == "cancelled")
    wait_for(lambda: ledger.expire() == 1)

    assert reconcile().adjusted == 1

    (receipt,) = dev.receipts
    assert (receipt.status, receipt.source, receipt.final) == ("abandoned", "reported", True)
    assert (receipt.provider, receipt.model) == ("openrouter", MODEL)
    assert receipt.charged == 55 + upstream.journal()[-1]["completion_tokens"] == dev.balance.used
    assert receipt.cost
    assert verify() == []


def test_a_failed_attempt_is_not_charged_by_its_usage_lookup(
    developer: Make, start: Start, upstream: UpstreamProcess, second: UpstreamProcess, spool: Path
) -> None:
    """That the first provider answered had been noted; then it failed, and the next was asked."""
    others = {"GLAMA_BASE_URL": second.url, "UPSTREAM_IDLE_TIMEOUT": "8", "RESERVATION_TTL": "2"}
    server = start(**others)
    dev = developer(server=server)
    served_by("openrouter")
    Route.objects.create(model_id=MODEL, provider="glama", upstream_name=MODEL, priority=200)
    upstream.set_fault(fault="stall_between")
    second.set_fault(fault="stall_first")

    def ask() -> None:
        with suppress(httpx.HTTPError):
            dev.chat("[[n=20,later=1]]")

    def noted(provider: str, *, has_id: bool) -> bool:
        holds = Reservation.objects.filter(user_id=dev.user_id, provider=provider)
        return holds.exclude(upstream_id="").exists() == has_id and holds.exists()

    with ThreadPoolExecutor() as pool:
        pool.submit(ask)
        wait_for(lambda: noted("openrouter", has_id=True))
        wait_for(lambda: noted("glama", has_id=False))
        server.kill()
    shutil.rmtree(spool)
    wait_for(lambda: ledger.expire() == 1)

    assert reconcile().adjusted == 0

    (receipt,) = dev.receipts
    assert (receipt.status, receipt.upstream_id) == ("abandoned", "")
    assert receipt.charged == dev.balance.used == 0


def test_what_is_settled_is_owed_no_more(developer: Make, start: Start, spool: Path) -> None:
    dev = developer(server=start())
    for stream in (True, False, True):
        assert dev.chat("[[n=5]]", stream=stream).status_code == 200

    wait_for(lambda: [file.stat().st_size for file in spool.glob("*.owed")] == [0])
