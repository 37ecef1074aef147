"""Everything that breaks at a provider: what the client sees, what is charged and noted.

One table, over real sockets: each fault strikes a JSON answer and a stream.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

import httpx
import pytest

from llmproxy.models import Route
from tests.developer import Developer, Make
from tests.fakes.upstream_process import UpstreamProcess
from tests.ports import free_port
from tests.webserver import WebServer, demo_server
from tokens.ledger.verify import verify


@dataclass(frozen=True)
class Outcome:
    """What comes of a request.

    ``answer`` is the HTTP status, or of a stream that began its last event: `[DONE]` or the code
    of the error in it. ``charge`` is nothing, what the provider reported, or what was counted here.
    """

    answer: int | str
    charge: str
    status: str
    source: str
    final: bool = True


def nothing(status: int) -> Outcome:
    return Outcome(status, "nothing", "failed", "none")


def broken(code: str) -> Outcome:
    """Mid-stream: the output that came is charged, until the provider tells what it was."""
    return Outcome(code, "counted", "failed", "estimated", final=False)


WHOLE = Outcome(200, "reported", "ok", "reported")
STREAM = replace(WHOLE, answer="[DONE]")
COUNTED = Outcome(200, "counted", "ok", "estimated")
FREE = Outcome(200, "nothing", "ok", "reported")

# fault: (of a JSON answer, of a stream). Each breaks after 10 of 40 tokens.
STALLS = {
    "fault=stall_first": (nothing(504), nothing(504)),
    "fault=stall_between": (nothing(504), broken("upstream_timeout")),
}
FAULTS: dict[str, tuple[Outcome, Outcome]] = {
    "fault=refuse_headers": (nothing(502), nothing(502)),
    "fault=reset_mid_chunk": (nothing(502), broken("upstream_error")),
    "fault=cut": (nothing(502), broken("upstream_error")),
    "fault=cut_tcp": (nothing(502), broken("upstream_error")),
    "fault=garbage": (nothing(502), STREAM),
    "fault=error_in_200": (nothing(502), nothing(502)),
    "fault=error_chunk": (nothing(502), broken("upstream_error")),
    "fault=error_chunk_str": (nothing(502), broken("upstream_error")),
    "fault=no_usage": (COUNTED, replace(COUNTED, answer="[DONE]")),
    "fault=usage_empty_choices": (WHOLE, STREAM),
    "fault=usage_twice": (WHOLE, STREAM),
    "fault=usage_every": (WHOLE, STREAM),
    "fault=usage_zero": (FREE, replace(FREE, answer="[DONE]")),
    "fault=usage_every+cut": (nothing(502), broken("upstream_error")),
    "fault=gzip": (WHOLE, STREAM),
    "fault=big_chunk": (WHOLE, STREAM),
    "fault=split": (WHOLE, STREAM),
    "fault=split+crlf+gzip": (WHOLE, STREAM),
    "fault=crlf": (WHOLE, STREAM),
    "fault=comments": (WHOLE, STREAM),
    "fault=halves": (WHOLE, STREAM),
    "fault=halves+usage_every": (WHOLE, STREAM),
    **{
        f"status={status}": (nothing(told), nothing(told))
        for status, told in {
            400: 400,
            401: 503,
            402: 503,
            403: 503,
            404: 503,
            408: 504,
            409: 400,
            412: 503,
            413: 413,
            422: 400,
            429: 503,
            451: 400,
            500: 502,
            502: 502,
            503: 502,
            504: 504,
            529: 502,
        }.items()
    },
}


@pytest.fixture(scope="module")
def server(upstream: UpstreamProcess, django_db_setup: None) -> Iterator[WebServer]:
    nobody = {
        "REQUESTY_BASE_URL": f"http://127.0.0.1:{free_port()}/v1",
        "REQUESTY_API_KEY": "demo",
    }
    with demo_server(upstream, **nobody) as server:
        yield server


@pytest.fixture(scope="module")
def hasty(upstream: UpstreamProcess, django_db_setup: None) -> Iterator[WebServer]:
    """A server that does not wait long."""
    deadlines = {"UPSTREAM_FIRST_BYTE_TIMEOUT": "1.5", "UPSTREAM_IDLE_TIMEOUT": "1.5"}
    with demo_server(upstream, **deadlines) as server:
        yield server


@pytest.fixture
def dev(developer: Make, server: WebServer) -> Developer:
    return developer(server=server)


def seen(dev: Developer, directive: str, *, stream: bool) -> Outcome:
    """Ask, and return what came of it; the books are right in any case."""
    answer = dev.chat(f"[[n=40,prompt=77,after=10,{directive}]]", stream=stream, max_tokens=100)
    assert dev.balance.reserved == 0
    assert dev.balance.used == sum(receipt.charged for receipt in dev.receipts)
    record = dev.receipts[-1]
    assert record.charged == record.prompt_tokens + record.completion_tokens
    assert (record.attempts[-1]["outcome"] == "ok") == (record.source != "none")
    if record.charged == 77 + 40:
        charge = "reported"
    else:
        charge = "counted" if record.charged else "nothing"
        assert record.completion_tokens <= 60
    told = _told(answer.text) if stream and answer.status_code == 200 else answer.status_code
    return Outcome(told, charge, record.status, record.source, record.final)


def _told(events: str) -> str:
    last = [line[6:] for line in events.splitlines() if line.startswith("data: ")][-1]
    return last if last == "[DONE]" else str(json.loads(last)["error"]["code"])


@pytest.mark.parametrize("directive", FAULTS)
def test_each_fault_is_answered_charged_and_recorded_as_listed(
    dev: Developer, directive: str
) -> None:
    _is_as_listed(dev, directive, FAULTS[directive])


@pytest.mark.parametrize("directive", STALLS)
def test_each_stall_is_answered_charged_and_recorded_as_listed(
    developer: Make, hasty: WebServer, directive: str
) -> None:
    _is_as_listed(developer(server=hasty), directive, STALLS[directive])


def _is_as_listed(dev: Developer, directive: str, listed: tuple[Outcome, Outcome]) -> None:
    as_json, as_stream = listed

    assert seen(dev, directive, stream=False) == as_json
    assert seen(dev, directive, stream=True) == as_stream
    assert verify() == []


def test_a_provider_that_refuses_connections(dev: Developer) -> None:
    Route.objects.update(provider="requesty")

    assert seen(dev, "id=none", stream=False) == nothing(502)
    assert seen(dev, "id=none", stream=True) == nothing(502)
    assert [receipt.attempts[0]["outcome"] for receipt in dev.receipts] == ["ConnectError"] * 2


def test_what_a_client_is_told_says_nothing_of_the_provider(dev: Developer) -> None:
    error = dev.chat("[[status=401]]").json()["error"]

    assert (error["code"], error["retryable"]) == ("no_upstream", True)
    assert "key" not in error["message"].lower()


def test_a_provider_that_is_busy_says_for_how_long(dev: Developer) -> None:
    assert dev.chat("[[status=429,retry_after=7]]").headers["Retry-After"] == "7"
    assert "Retry-After" not in dev.chat("[[status=429]]").headers
    assert "Retry-After" not in dev.chat("[[status=429,retry_after=soon]]").headers


def test_nonsense_before_the_content_is_dropped(dev: Developer) -> None:
    assert seen(dev, "fault=garbage,after=0", stream=True) == STREAM


@pytest.mark.parametrize("packed", ["", "+gzip"])
def test_an_answer_without_bounds_is_left(dev: Developer, packed: str) -> None:
    assert seen(dev, f"fault=flood{packed}", stream=False) == nothing(502)
    assert seen(dev, f"fault=flood{packed}", stream=True) == broken("upstream_error")
    assert seen(dev, f"fault=flood{packed},after=0", stream=True) == nothing(502)

    outcomes = [receipt.attempts[0]["outcome"] for receipt in dev.receipts]
    assert outcomes == ["too_large", "ok", "too_large"]


def test_a_stream_that_is_complete_is_not_held_up_for_its_last_word(dev: Developer) -> None:
    dev.http.timeout = httpx.Timeout(60)  # The deadline would be two minutes.
    assert seen(dev, "fault=hang_on", stream=True) == STREAM


def test_a_usage_before_the_end_is_not_the_last_word(dev: Developer) -> None:
    seen(dev, "fault=usage_every+cut", stream=True)

    (receipt,) = dev.receipts
    assert (receipt.prompt_tokens, receipt.final) == (0, False)
    assert 10 <= receipt.completion_tokens < 40
