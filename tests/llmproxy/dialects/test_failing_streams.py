"""A stream that fails ends with an error in the client's dialect, once."""

from typing import Any

import pytest
from openai.types.responses import ResponseFailedEvent

from core.errors import ApiError, RateLimited
from llmproxy.protocol.dialects import DIALECTS, OPENROUTER, StreamTranslator
from tests.llmproxy.dialects import clients
from tests.llmproxy.dialects.samples import (
    MESSAGES_REQUEST,
    REPLY,
    RESPONSES_REQUEST,
    chat_stream,
)

REQUESTS = {"messages": MESSAGES_REQUEST, "responses": RESPONSES_REQUEST}
WHOLE = chat_stream({"content": "some text"})
CUT = WHOLE[: WHOLE.index(b'"finish_reason": "stop"')]
IN_BAND = CUT.rsplit(b"data: ", 1)[0] + b'data: {"error": {"message": "busy", "code": 429}}\n\n'


class NoTokens(ApiError):
    status = 402
    code = "insufficient_tokens"
    message = "12 tokens are left."


def translator(name: str) -> StreamTranslator:
    return DIALECTS[name].exchange(REQUESTS[name], OPENROUTER, REPLY).stream()


def error_of(event: dict[str, Any]) -> tuple[str, str]:
    if event["type"] == "error":
        return event["error"]["type"], event["error"]["message"]
    ResponseFailedEvent.model_validate(event, strict=True)
    return event["response"]["error"]["code"], event["response"]["error"]["message"]


@pytest.mark.parametrize(
    ("name", "kind"), [("messages", "api_error"), ("responses", "server_error")]
)
def test_a_stream_that_the_upstream_breaks_off_ends_with_an_error(name: str, kind: str) -> None:
    stream = translator(name)

    events = clients.events([*stream.feed(CUT), *stream.finish()])

    assert error_of(events[-1])[0] == kind
    assert not stream.complete
    assert stream.finish() == stream.error(ApiError()) == []


@pytest.mark.parametrize(
    ("name", "kind"), [("messages", "rate_limit_error"), ("responses", "rate_limit_exceeded")]
)
def test_an_error_within_the_stream_is_told_in_the_dialect(name: str, kind: str) -> None:
    stream = translator(name)

    events = clients.events([*stream.feed(IN_BAND), *stream.finish()])

    assert error_of(events[-1]) == (kind, "busy")


def test_our_own_error_is_the_last_event() -> None:
    messages, responses = translator("messages"), translator("responses")
    messages.feed(CUT)

    (event,) = clients.events(messages.error(RateLimited(retry_after=5)))
    assert event["error"]["type"] == "rate_limit_error"
    assert event["error"]["retry_after"] == 5
    kinds = [one["type"] for one in clients.events(responses.error(ApiError()))]
    assert kinds == ["response.created", "response.in_progress", "response.failed"]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (402, "billing_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (413, "request_too_large"),
        (422, "invalid_request_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (502, "api_error"),
        (503, "overloaded_error"),
        (529, "overloaded_error"),
    ],
)
def test_each_status_has_its_type_in_messages(status: int, kind: str) -> None:
    error = ApiError("It failed.", param="model", fact=1)
    error.status = status

    body = DIALECTS["messages"].error_body(error, "req_1")

    assert (body["type"], body["request_id"]) == ("error", "req_1")
    assert (body["error"]["type"], body["error"]["param"], body["error"]["fact"]) == (
        kind,
        "model",
        1,
    )


def test_missing_tokens_are_told_in_our_own_words() -> None:
    error = DIALECTS["messages"].error_body(NoTokens(), None)["error"]

    # Claude Code replaces "Your credit balance is too low …" by words that name no figure.
    assert (error["type"], error["message"]) == ("billing_error", "12 tokens are left.")


def test_responses_have_openais_error() -> None:
    assert DIALECTS["responses"].error_body(NoTokens(), "r") == NoTokens().body("r")
