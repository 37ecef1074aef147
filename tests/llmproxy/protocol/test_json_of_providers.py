"""JSON of providers, some of which is not valid, and single events of their streams."""

from datetime import date
from typing import Any

import pytest

from llmproxy.protocol import events, sse
from llmproxy.protocol.parsing import dumps, loads
from llmproxy.protocol.refusals import Refusal


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'{"a": [1, 2.5, null, true]}', {"a": [1, 2.5, None, True]}),
        (b'"\\ud83d"', "\ud83d"),
        (b'"\\uD83D"', "\ud83d"),
        (b'"\\ud83d\\ude00"', "😀"),
    ],
)
def test_json_is_parsed_with_halves_of_surrogate_pairs(text: bytes, value: object) -> None:
    assert loads(text) == value


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"{", b"NaN", b'["\\ud83d", NaN]', b'["\\ud83d", Infinity]', b'["\\ud83d"'),
        b'"\\ud83d"' + b"[" * 100_000,
        b'["\\ud83d",' + b"[" * 100_000 + b"]" * 100_000 + b"]",
    ],
)
def test_what_is_not_json_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError):
        loads(text)


def test_the_constant_that_is_not_json_is_named() -> None:
    with pytest.raises(ValueError, match=r"^NaN is not JSON$"):
        loads(b'["\\ud83d", NaN]')
    with pytest.raises(ValueError, match=r"^nested too deeply$"):
        loads(b'["\\ud83d",' + b"[" * 100_000 + b"]" * 100_000 + b"]")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": "ü", "b": [1]}, '{"a":"ü","b":[1]}'.encode()),
        ({"a": "\ud83d", "b": [1]}, b'{"a":"\\ud83d","b":[1]}'),
        ({"a": date(2026, 1, 2)}, b'{"a":"2026-01-02"}'),
        ({"a": "\ud83d", "b": {1}}, b'{"a":"\\ud83d","b":"{1}"}'),
        ({"a": {1}}, b'{"a":"{1}"}'),
    ],
)
def test_json_is_written_with_halves_of_surrogate_pairs(value: object, text: bytes) -> None:
    assert dumps(value) == text


CHUNK = b'data: {"choices": [{"delta": {}}]}\n\n'


@pytest.mark.parametrize(
    ("event", "content"),
    [
        (CHUNK, {"choices": [{"delta": {}}]}),
        (b"data: [DONE]\n\n", events.DONE),
        (b"data:  [DONE] \n\n", events.DONE),
        (b": comment\n\n", None),
        (b"data: \n\n", None),
        (b"data: {oops}\n\n", events.NO_JSON),
        (b"data: [1]\n\n", events.NO_JSON),
        (b"data: 5\n\n", events.NO_JSON),
        (b'data: {"error": {"message": "broken"}}\n\n', Refusal("broken")),
        (b'data: [{"error": {"message": "broken"}}]\n\n', Refusal("broken")),
        (b"event: error\ndata: broken\n\n", Refusal("broken")),
        (b"event: error\ndata: [DONE]\n\n", Refusal("[DONE]")),
        (b'event: message\ndata: {"choices": [1]}\n\n', {"choices": [1]}),
    ],
)
def test_an_event_is_a_chunk_an_error_or_an_end(event: bytes, content: Any) -> None:
    assert events.read(event) == content


@pytest.mark.parametrize(
    ("event", "written"),
    [
        (CHUNK, CHUNK),
        (b'event: x\nid: 5\ndata: {"choices": []}\n\n', b'data: {"choices": []}\n\n'),
        (b'data:{"choices": []}\r\n\r\n', b'data: {"choices": []}\n\n'),
        (b'data: {"choices":\ndata: []}\n\n', b'data: {"choices":[]}\n\n'),
        (b'data:\ndata: {"choices": []}\n\n', b'data: {"choices":[]}\n\n'),
    ],
)
def test_an_event_is_relayed_as_one_line_of_data(event: bytes, written: bytes) -> None:
    chunk = sse.payload(event)
    assert chunk is not None

    assert events.canonical(event, chunk) == written
