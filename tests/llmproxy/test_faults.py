"""What breaks at a provider: what the client sees, and what is charged."""

import json
from dataclasses import dataclass

import pytest

from tests.developer import Developer, Make
from tokens.models import UsageRecord
from tokens.verify import verify


@dataclass(frozen=True)
class Seen:
    """What came of a request: the HTTP status or the in-band code, and the receipt."""

    answer: int | str
    record: UsageRecord


def ask(dev: Developer, directive: str, *, stream: bool) -> Seen:
    answer = dev.chat(f"[[{directive}]]", stream=stream, max_tokens=100)
    (record,) = dev.receipts
    assert dev.balance.reserved == 0
    assert dev.balance.used == record.charged
    assert verify() == []
    if answer.status_code != 200:
        error = answer.json()["error"]
        assert (
            error["code"] in ("upstream_error", "no_upstream", "upstream_timeout")
            or not (error["retryable"])
        )
        return Seen(answer.status_code, record)
    if not stream:
        return Seen(200, record)
    last = [line[6:] for line in answer.text.splitlines() if line.startswith("data: ")][-1]
    return Seen("[DONE]" if last == "[DONE]" else json.loads(last)["error"]["code"], record)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("directive", "status"),
    [
        ("fault=refuse_headers", 502),
        ("status=401", 503),
        ("status=402", 503),
        ("status=403", 503),
        ("status=408", 504),
        ("status=412", 503),
        ("status=429,retry_after=1", 503),
        ("status=500", 502),
        ("status=503", 502),
        ("status=529", 502),
        ("status=400", 400),
        ("status=413", 413),
        ("status=422", 422),
        ("fault=error_in_200", 502),
    ],
)
def test_before_any_content_nothing_is_charged(
    developer: Make, directive: str, status: int, stream: bool
) -> None:
    seen = ask(developer(), directive, stream=stream)

    assert seen.answer == status
    record = seen.record
    assert (record.charged, record.status, record.source) == (0, "failed", "none")
    assert record.attempts[-1]["provider"] == "demo"
    assert record.attempts[-1]["outcome"] != "ok"


@pytest.mark.parametrize(
    "fault", ["cut", "cut_tcp", "reset_mid_chunk", "error_chunk", "error_chunk_str"]
)
def test_mid_stream_what_came_is_charged_and_the_client_is_told(
    developer: Make, fault: str
) -> None:
    seen = ask(developer(), f"n=50,fault={fault},after=10", stream=True)

    assert seen.answer in ("upstream_error", "no_upstream")
    record = seen.record
    assert (record.status, record.source, record.final) == ("failed", "estimated", False)
    assert 0 < record.completion_tokens < 50


@pytest.mark.parametrize("fault", ["reset_mid_chunk", "garbage", "cut_tcp"])
def test_a_broken_json_answer_is_no_answer(developer: Make, fault: str) -> None:
    seen = ask(developer(), f"n=50,fault={fault}", stream=False)

    assert (seen.answer, seen.record.charged) == (502, 0)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", ["gzip", "split", "crlf", "comments", "big_chunk", "usage_twice"])
def test_odd_but_right_answers_are_charged_as_reported(
    developer: Make, fault: str, stream: bool
) -> None:
    seen = ask(developer(), f"n=20,prompt=77,fault={fault}", stream=stream)

    assert seen.answer == ("[DONE]" if stream else 200)
    record = seen.record
    assert (record.status, record.source, record.prompt_tokens) == ("ok", "reported", 77)
    assert record.charged == 77 + record.completion_tokens


@pytest.mark.parametrize("stream", [False, True])
def test_without_usage_a_local_count_is_charged(developer: Make, stream: bool) -> None:
    seen = ask(developer(), "n=40,fault=no_usage", stream=stream)

    record = seen.record
    assert (record.status, record.source, record.final) == ("ok", "estimated", True)
    assert record.completion_tokens == pytest.approx(40, rel=0.5)
    assert record.charged == record.prompt_tokens + record.completion_tokens


@pytest.mark.parametrize("stream", [False, True])
def test_a_usage_of_zero_is_charged_as_zero(developer: Make, stream: bool) -> None:
    seen = ask(developer(), "n=5,fault=usage_zero", stream=stream)

    assert (seen.record.charged, seen.record.source) == (0, "reported")


def test_a_usage_before_the_end_is_not_the_last_word(developer: Make) -> None:
    seen = ask(developer(), "n=50,prompt=10,fault=usage_every+cut,after=20", stream=True)

    assert seen.answer == "upstream_error"
    record = seen.record
    assert (record.status, record.final, record.prompt_tokens) == ("failed", False, 10)
    assert record.completion_tokens >= 20


def test_a_cumulative_usage_on_every_chunk_is_charged_once(developer: Make) -> None:
    seen = ask(developer(), "n=30,prompt=10,fault=usage_every", stream=True)

    assert (seen.answer, seen.record.charged) == ("[DONE]", 40)
