"""Refusals in every shape: the provider's words are kept, and the class is right."""

import pytest

from llmproxy.errors import NoUpstream, UpstreamError, UpstreamRefusal, UpstreamTimeout
from llmproxy.protocol.refusals import Kind, error_in, kind_of, read
from llmproxy.upstream.client import failure_in, refusal

WORDS = "max_tokens is too large"


@pytest.mark.parametrize(
    "body",
    [
        '{"error": {"message": "max_tokens is too large"}}',
        '{"error": "max_tokens is too large"}',
        '{"error": {"message": {"message": "max_tokens is too large"}}}',
        '{"object": "error", "message": "max_tokens is too large", "type": "BadRequestError"}',
        '{"message": "max_tokens is too large"}',
        '{"detail": "max_tokens is too large"}',
        '{"detail": [{"loc": ["body", "max_tokens"], "msg": "max_tokens is too large"}]}',
        '[{"error": {"code": 400, "message": "max_tokens is too large"}}]',
        '{"errors": [{"message": "max_tokens is too large"}]}',
        '{"code": 1210, "msg": "max_tokens is too large"}',
        '{"title": "Bad Request", "detail": "max_tokens is too large", "status": 400}',
        '{"base_resp": {"status_code": 2013, "status_msg": "max_tokens is too large"}}',
        '{"error": {"message": "{\\"error\\": {\\"message\\": \\"max_tokens is too large\\"}}"}}',
        "max_tokens is too large",
        "<html><head><title>max_tokens is too large</title></head><body>x</body></html>",
        "<p>max_tokens <b>is too</b> large</p>",
    ],
)
def test_the_words_are_kept(body: str) -> None:
    assert read(body.encode()).message == WORDS


def test_the_field_that_is_wrong_is_named() -> None:
    assert read(b'{"error": {"message": "x", "param": "top_p"}}').param == "top_p"
    assert read(b'{"detail": [{"loc": ["body", "top_p"], "msg": "x"}]}').param == "top_p"


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b"[]", b"{", b"\xff\xfe", b"5"])
def test_nonsense_says_little(body: bytes) -> None:
    assert len(read(body).message) < 5


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("prompt is too long: 210000 tokens > 200000 maximum", Kind.CONTEXT),
        (
            "This model's maximum context length is 8192 tokens. However, you requested",
            Kind.CONTEXT,
        ),
        ("Please reduce the length of the messages", Kind.CONTEXT),
        ("input length and `max_tokens` exceed context limit: 1 > 2", Kind.CONTEXT),
        (
            "The input token count (1200000) exceeds the maximum number of tokens allowed",
            Kind.CONTEXT,
        ),
        ("the request exceeds the available context size, try increasing it", Kind.CONTEXT),
        (
            "The response was filtered: the prompt triggered Azure's content management policy",
            Kind.FILTER,
        ),
        ("Your request was flagged as potentially violating our usage policy", Kind.FILTER),
        ("Your credit balance is too low to access the Anthropic API", Kind.BALANCE),
        (
            "You exceeded your current quota, please check your plan and billing details",
            Kind.BALANCE,
        ),
        ("Insufficient Balance", Kind.BALANCE),
        ("Rate limit reached for requests", Kind.RATE),
        ("API key not valid. Please pass a valid API key.", Kind.AUTH),
        ("Incorrect API key provided: sk-x", Kind.AUTH),
        ("temperature must be between 0 and 2", Kind.OTHER),
        ("Invalid value for 'content': expected a string", Kind.OTHER),
    ],
)
def test_the_class_by_the_words(words: str, kind: Kind) -> None:
    assert kind_of(read(words.encode())) is kind


@pytest.mark.parametrize(
    ("status", "body", "error", "code"),
    [
        (
            400,
            b'{"message": "prompt is too long: 2 tokens > 1 maximum"}',
            UpstreamRefusal,
            "context_length_exceeded",
        ),
        (
            500,
            b'{"error": {"message": "maximum context length is 8192 tokens"}}',
            UpstreamRefusal,
            "context_length_exceeded",
        ),
        (
            413,
            b'{"error": {"code": "context_length_exceeded"}}',
            UpstreamRefusal,
            "context_length_exceeded",
        ),
        (
            400,
            b'{"error": {"code": "content_filter", "message": "no"}}',
            UpstreamRefusal,
            "content_filter",
        ),
        (
            403,
            b'{"error": {"message": "x", "metadata": {"flagged_input": "y"}}}',
            UpstreamRefusal,
            "content_filter",
        ),
        (400, b'{"detail": "top_p is bad"}', UpstreamRefusal, "invalid_request"),
        (413, b"too much", UpstreamRefusal, "payload_too_large"),
        (
            400,
            b'{"error": {"message": "Your credit balance is too low"}}',
            NoUpstream,
            "no_upstream",
        ),
        (400, b'[{"error": {"message": "API key not valid."}}]', NoUpstream, "no_upstream"),
        (401, b"prompt is too long", NoUpstream, "no_upstream"),
        (429, b"", NoUpstream, "no_upstream"),
        (504, b"", UpstreamTimeout, "upstream_timeout"),
        (500, b"<html>oops</html>", UpstreamError, "upstream_error"),
        (302, b"", UpstreamError, "upstream_error"),
    ],
)
def test_what_a_client_is_told(
    status: int, body: bytes, error: type[UpstreamError], code: str
) -> None:
    told = refusal(status, read(body)).error

    assert type(told) is error
    assert told.code == code


@pytest.mark.parametrize(
    "body",
    [
        '{"object": "error", "message": "broken"}',
        '{"detail": "broken"}',
        '{"message": "broken"}',
        '{"error": {"message": "broken"}}',
        '{"error": "broken", "choices": []}',
        '{"type": "error", "error": {"type": "overloaded_error", "message": "broken"}}',
        '{"choices": [{"index": 0, "delta": {}, "finish_reason": "error"}]}',
        '{"choices": null, "base_resp": {"status_code": 1000, "status_msg": "broken"}}',
        '[{"error": {"code": 500, "message": "broken"}}]',
    ],
)
def test_an_error_within_a_200_is_one(body: str) -> None:
    failure = failure_in(body.encode())

    assert isinstance(failure.error, UpstreamError)
    assert failure.outcome != "garbage"


@pytest.mark.parametrize(
    "answer",
    [
        {"choices": [{"delta": {"content": "detail"}}]},
        {"choices": [], "usage": {"prompt_tokens": 1}},
        {"choices": [{"delta": {}, "finish_reason": "stop"}], "error": None},
        {"object": "list", "data": [], "message": "fine"},
        {"id": "x", "object": "chat.completion.chunk"},
        {},
        None,
    ],
)
def test_what_is_no_error(answer: object) -> None:
    assert error_in(answer) is None
