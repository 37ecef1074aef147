"""Traces: the path of each request as spans, with usage and without content."""

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.developer import Make
from tests.fakes.otlp_receiver import OtlpReceiver, attributes
from tests.fakes.upstream_process import UpstreamProcess
from tests.llmproxy.streams import CHAT, body
from tests.waiting import wait_for
from tests.webserver import WebServer, demo_server

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SECRET = "the content of a prompt"


@pytest.fixture(scope="module")
def receiver() -> Iterator[OtlpReceiver]:
    with OtlpReceiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def server(
    upstream: UpstreamProcess, receiver: OtlpReceiver, django_db_setup: None
) -> Iterator[WebServer]:
    env = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
        "OTEL_EXPORTER_OTLP_HEADERS": "x-tenant=one",
        "OTEL_BSP_SCHEDULE_DELAY": "50",
    }
    with demo_server(upstream, **env) as server:
        yield server


@pytest.fixture(autouse=True)
def _forget(receiver: OtlpReceiver, upstream: UpstreamProcess) -> Iterator[None]:
    for kept in (receiver.bodies, receiver.spans, receiver.headers, receiver.resources):
        kept.clear()
    yield
    upstream.clear()


def settled(receiver: OtlpReceiver) -> dict[str, Span]:
    """Wait for the spans of one request; return them by name."""
    wait_for(lambda: any(span.name.startswith("POST ") for span in receiver.spans))
    return {span.name: span for span in receiver.spans}


def test_the_path_of_a_request(developer: Make, server: WebServer, receiver: OtlpReceiver) -> None:
    dev = developer(server=server)
    answer = dev.chat("[[n=7,d=0]]")
    answer.raise_for_status()

    spans = settled(receiver)
    assert set(spans) == {
        "POST chat/completions", "admit", "reserve", "chat openai/gpt-5-mini", "settle",
    }  # fmt: skip
    root = spans.pop("POST chat/completions")
    assert root.kind == Span.SPAN_KIND_SERVER
    assert not root.parent_span_id
    assert {span.parent_span_id for span in spans.values()} == {root.span_id}
    assert {span.trace_id for span in spans.values()} == {root.trace_id}
    for span in spans.values():
        assert root.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano
        assert span.end_time_unix_nano <= root.end_time_unix_nano
    (receipt,) = dev.receipts
    told = attributes(root)
    assert told["tokengate.request_id"] == answer.headers["x-request-id"]
    assert told["tokengate.charged"] == receipt.charged
    assert told["user.id"] == str(dev.user_id)


def test_an_answer_has_its_usage(
    developer: Make, server: WebServer, receiver: OtlpReceiver
) -> None:
    dev = developer(server=server)
    dev.chat("[[n=7,d=0]]").raise_for_status()

    span = settled(receiver)["chat openai/gpt-5-mini"]

    (receipt,) = dev.receipts
    told = attributes(span)
    assert span.kind == Span.SPAN_KIND_CLIENT
    assert told["gen_ai.operation.name"] == "chat"
    assert told["gen_ai.provider.name"] == "demo"
    assert told["gen_ai.request.model"] == "openai/gpt-5-mini"
    assert told["gen_ai.request.stream"] is False
    assert told["gen_ai.usage.input_tokens"] == receipt.prompt_tokens
    assert told["gen_ai.usage.output_tokens"] == 7
    assert "gen_ai.response.id" in told


def test_a_stream_lasts_until_its_end(
    developer: Make, server: WebServer, receiver: OtlpReceiver
) -> None:
    dev = developer(server=server)
    with dev.http.stream("POST", CHAT, json=body("[[n=5,d=20]]")) as answer:
        answer.read()

    span = settled(receiver)["chat openai/gpt-5-mini"]

    (receipt,) = dev.receipts
    assert attributes(span)["gen_ai.request.stream"] is True
    lasted = (span.end_time_unix_nano - span.start_time_unix_nano) / 1e6
    assert lasted >= receipt.duration_ms - receipt.attempts[0]["ms"] - 5


def test_a_failure_is_an_error(
    developer: Make, server: WebServer, receiver: OtlpReceiver, upstream: UpstreamProcess
) -> None:
    upstream.set_fault(fault="status", status=503)
    assert developer(server=server).chat("hello").status_code in (502, 503)

    spans = settled(receiver)

    attempt = spans["chat openai/gpt-5-mini"]
    assert attempt.status.code == Status.STATUS_CODE_ERROR
    assert attributes(attempt)["error.type"] == "status_503"
    assert attributes(attempt)["http.response.status_code"] == 503
    assert spans["POST chat/completions"].status.code == Status.STATUS_CODE_ERROR


def test_a_clients_own_trace_is_continued(
    developer: Make, server: WebServer, receiver: OtlpReceiver
) -> None:
    dev = developer(server=server)
    dev.http.headers["traceparent"] = f"00-{TRACE}-{PARENT}-01"
    dev.chat("hello").raise_for_status()

    root = settled(receiver)["POST chat/completions"]

    assert root.trace_id.hex() == TRACE
    assert root.parent_span_id.hex() == PARENT


@pytest.mark.parametrize("header", ["", "garbage", f"00-{'0' * 32}-{PARENT}-01", "x" * 5000])
def test_a_header_that_is_no_trace_begins_a_new_one(
    developer: Make, server: WebServer, receiver: OtlpReceiver, header: str
) -> None:
    dev = developer(server=server)
    dev.http.headers["traceparent"] = header
    dev.chat("hello").raise_for_status()

    root = settled(receiver)["POST chat/completions"]

    assert not root.parent_span_id
    assert root.trace_id.hex() != "0" * 32


def test_what_a_client_does_not_sample_is_not_sent(
    developer: Make, server: WebServer, receiver: OtlpReceiver
) -> None:
    dev = developer(server=server)
    dev.http.headers["traceparent"] = f"00-{TRACE}-{PARENT}-00"
    dev.chat("hello").raise_for_status()
    dev.http.headers["traceparent"] = ""
    dev.chat("hello").raise_for_status()

    settled(receiver)

    assert TRACE not in {span.trace_id.hex() for span in receiver.spans}


def test_no_content_and_no_key_is_sent(
    developer: Make, server: WebServer, receiver: OtlpReceiver
) -> None:
    dev = developer(server=server)
    tools = [{"type": "function", "function": {"name": "secret_tool", "parameters": {}}}]
    answer: dict[str, Any] = dev.chat(SECRET, tools=tools).json()

    settled(receiver)

    sent = b"".join(receiver.bodies)
    written = answer["choices"][0]["message"]["content"] or "none"
    for word in (SECRET, written, "secret_tool", dev.key):
        assert word.encode() not in sent


def test_it_goes_where_the_settings_say(
    developer: Make, server: WebServer, receiver: OtlpReceiver
) -> None:
    developer(server=server).chat("hello").raise_for_status()

    settled(receiver)

    assert receiver.headers[0]["x-tenant"] == "one"
    assert receiver.resources[0]["service.name"] == "tokengate"


def test_a_collector_that_is_away_disturbs_nobody(
    developer: Make, upstream: UpstreamProcess, transactional_db: None
) -> None:
    away = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "LOG_LEVEL": "CRITICAL"}
    with demo_server(upstream, **away) as server:
        dev = developer(server=server)
        for _ in range(3):
            assert dev.chat("hello").status_code == 200
        assert len(dev.receipts) == 3
