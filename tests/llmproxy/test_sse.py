"""Reading a stream of events, however a network cuts it."""

import pytest

from llmproxy import sse

STREAM = (
    'data: {"a": "grün 🎉"}\n\n: comment\n\ndata: {"b":\ndata: 2}\r\n\r\ndata: [DONE]\n\n'.encode()
)


@pytest.mark.parametrize("size", range(1, 20))
def test_every_cut_gives_the_same_events(size: int) -> None:
    splitter = sse.EventSplitter()

    blocks = [splitter.feed(STREAM[at : at + size]) for at in range(0, len(STREAM), size)]

    assert b"".join(blocks) == STREAM
    assert splitter.rest() == b""
    events = [event for block in blocks for event in sse.split(block)]
    assert [sse.payload(event) for event in events] == [{"a": "grün 🎉"}, None, {"b": 2}, None]
    assert sse.data(events[-1]) == b"[DONE]"


def test_an_unfinished_event_waits() -> None:
    splitter = sse.EventSplitter()

    assert splitter.feed(b"data: 1\n\ndata: 2\n") == b"data: 1\n\n"
    assert splitter.rest() == b"data: 2\n"
    assert splitter.feed(b"\ndata: 3") == b"data: 2\n\n"


def test_a_large_event_is_put_together_without_searching_it_again() -> None:
    splitter = sse.EventSplitter()
    event = b"data: " + b"x" * 5_000_000

    for at in range(0, len(event), 16_384):
        assert splitter.feed(event[at : at + 16_384]) == b""
    assert splitter.feed(b"\n\n") == event + b"\n\n"


@pytest.mark.parametrize(
    ("block", "remarkable"),
    [
        (b'data: {"usage": {"prompt_tokens": 1}}\n\n', True),
        (b'data: {"usage":null,"choices":[]}\n\n', False),
        (b'data: {"error": {"code": 502}}\n\n', True),
        (b'data: {"choices":[{"finish_reason":"stop"}]}\n\n', True),
        (b'data: {"choices":[{"finish_reason":null}]}\n\n', False),
        (b"data: [DONE]\n\n", True),
        (rb'data: {"choices":[{"delta":{"content":"\"usage\": {\"error\": 1"}}]}' + b"\n\n", False),
    ],
)
def test_what_must_be_read(block: bytes, remarkable: bool) -> None:
    plain = b'data: {"choices":[]}\n\n: hello\n\n'

    assert sse.divide(block) == ((b"", block) if remarkable else (block, b""))
    assert sse.divide(plain + block + plain) == (
        (plain, block + plain) if remarkable else (plain + block + plain, b"")
    )


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n", b"\n\n: hello\n\n", b"\n\ndata: [DONE]\n\n"])
def test_what_a_block_carries_is_what_its_events_carry(end: bytes) -> None:
    texts = [b'{"a":"\\n\\ndata: {}"}', b"[1]", b"{broken", b'{"b":[1,2]}', b""]
    for count in range(len(texts)):
        block = b"".join(b"data: " + text + end for text in texts[:count] + texts[3:4])

        assert sse.payloads(block) == [sse.payload(event) for event in sse.split(block)]


@pytest.mark.parametrize("event", [b": hello\n\n", b"data: {broken\n\n", b"data: [1]\n\n", b"\n\n"])
def test_what_is_no_object_has_no_payload(event: bytes) -> None:
    assert sse.payload(event) is None
