"""Clients that leave, and servers that stop: nothing leaks, nothing is charged twice."""

import asyncio
import json
import random
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
from django.core.management import call_command
from django.utils import timezone

from tests.developer import Developer, Make
from tests.fakes.upstream_process import UpstreamProcess
from tests.llmproxy.scripted import DONE, Script, event, scripted_upstream
from tests.llmproxy.streams import CHAT, body, nothing_is_held
from tests.waiting import wait_for
from tests.webserver import WebServer, demo_server, demo_settings
from tokens.ledger.verify import verify
from tokens.models import Reservation


def test_leaving_right_after_done_is_a_finished_request(developer: Make) -> None:
    dev = developer()
    for _ in range(20):
        with dev.http.stream("POST", CHAT, json=body("[[n=3]]")) as answer:
            for line in answer.iter_lines():
                if line == "data: [DONE]":
                    break

    wait_for(nothing_is_held)
    assert [receipt.status for receipt in dev.receipts] == ["ok"] * 20
    assert dev.balance.used == sum(receipt.charged for receipt in dev.receipts)
    assert verify() == []


async def _leave_at_random(dev: Developer, count: int) -> None:
    limits = httpx.Limits(max_connections=None)
    headers = {"Authorization": f"Bearer {dev.key}"}
    async with httpx.AsyncClient(
        base_url=dev.http.base_url, headers=headers, limits=limits, trust_env=False
    ) as client:

        async def one() -> None:
            try:
                async with asyncio.timeout(random.uniform(0, 0.8)):
                    await client.post(CHAT, json=body("[[n=50,d=10]]"))
            except TimeoutError:
                pass

        await asyncio.gather(*(one() for _ in range(count)))


def test_100_streams_whose_clients_leave_at_random_moments(developer: Make) -> None:
    dev = developer(1_000_000)

    asyncio.run(_leave_at_random(dev, 100))

    wait_for(nothing_is_held)
    receipts = dev.receipts
    assert {receipt.status for receipt in receipts} <= {"ok", "cancelled"}
    assert dev.balance.used == sum(receipt.charged for receipt in receipts)
    assert dev.balance.reserved == 0
    for receipt in receipts:
        if receipt.status == "ok":
            assert receipt.completion_tokens == 50
    assert verify() == []


def test_a_stream_longer_than_its_hold_keeps_it(developer: Make, upstream: UpstreamProcess) -> None:
    goes_on = threading.Event()

    def parts() -> Iterator[bytes]:
        yield event({"choices": [{"index": 0, "delta": {"content": "Hello"}}]})
        goes_on.wait(300)
        yield event({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 40}})
        yield DONE

    with (
        scripted_upstream() as scripted,
        demo_server(upstream, UPSTREAM_BASE_URL=scripted.url, RESERVATION_TTL="9") as server,
    ):
        scripted.plays(Script(parts()))
        dev = developer(server=server)
        with dev.http.stream("POST", CHAT, json=body("hello")) as answer:
            lines = answer.iter_lines()
            next(lines)
            for _ in range(2):
                _let_its_term_end_and_wait_for_the_next()
                call_command("expire_reservations", verbosity=0)
            goes_on.set()
            assert "data: [DONE]" in list(lines)

    (receipt,) = dev.receipts
    assert (receipt.status, receipt.completion_tokens) == ("ok", 40)
    assert Reservation.objects.get(pk=receipt.id).state == "settled"


def _let_its_term_end_and_wait_for_the_next() -> None:
    Reservation.objects.update(expires_at=timezone.now())
    wait_for(lambda: Reservation.objects.filter(expires_at__gt=timezone.now()).exists())


def test_a_server_told_to_stop_lets_its_streams_end(
    developer: Make, upstream: UpstreamProcess
) -> None:
    server = demo_server(upstream)
    dev = developer(server=server)
    with dev.http.stream("POST", CHAT, json=body("[[n=30,d=30]]")) as answer:
        lines = answer.iter_lines()
        next(lines)
        server.process.terminate()
        assert "data: [DONE]" in list(lines)
    server.stop()

    (receipt,) = dev.receipts
    assert (receipt.status, receipt.completion_tokens) == ("ok", 30)
    assert verify() == []


def test_a_server_told_to_stop_settles_the_streams_that_do_not_end(
    developer: Make, upstream: UpstreamProcess
) -> None:
    server = demo_server(upstream, GRACEFUL_TIMEOUT="11")
    dev = developer(server=server)
    with dev.http.stream("POST", CHAT, json=body("[[n=200,d=200]]")) as answer:
        lines = answer.iter_lines()
        next(lines)
        server.stop()

    (receipt,) = dev.receipts
    assert (receipt.status, receipt.source) == ("cancelled", "estimated")
    assert nothing_is_held()
    assert verify() == []


def test_a_client_that_stops_reading_is_taken_to_be_gone(
    developer: Make, upstream: UpstreamProcess, tmp_path: Path
) -> None:
    settings = {**demo_settings(upstream), "CLIENT_SEND_TIMEOUT": "0.5"}
    with (
        (tmp_path / "log").open("wb") as log,
        WebServer(settings, log=log) as server,
        socket.socket() as client,
    ):
        dev = developer(server=server)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", server.port))
        content = json.dumps({**body("[[n=50,d=100,fault=big_chunk,after=1]]"), "max_tokens": 5000})
        client.sendall(
            f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {dev.key}\r\n"
            f"Content-Length: {len(content)}\r\n\r\n{content}".encode()
        )
        wait_for(lambda: bool(dev.receipts))  # Its answer was read to the end without it.
        while client.recv(1_000_000):  # What was under way comes still, and then the end.
            pass

    (receipt,) = dev.receipts
    assert (receipt.status, receipt.source) == ("cancelled", "reported")
    wait_for(nothing_is_held)
    assert (tmp_path / "log").read_text() == ""
