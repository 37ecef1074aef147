"""Reading a stream of events, however a network cuts it."""

import pytest

from llmproxy.protocol import sse

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
    assert [sse.data(event) for event in events] == [
        '{"a": "grün 🎉"}'.encode(),
        b"",
        b'{"b":\n2}',
        b"[DONE]",
    ]


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


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_every_end_of_lines_ends_events(end: str, size: int) -> None:
    """https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation."""
    lines = [": hi", "", "event: message", "id: 1", 'data: {"a":', "data:1}", "retry: 5", "", ""]
    stream = b"\xef\xbb\xbf" + end.join([*lines, "data: [DONE]", "", ""]).encode()
    splitter = sse.EventSplitter()

    blocks = [splitter.feed(stream[at : at + size]) for at in range(0, len(stream), size)]

    told = [sse.data(event) for block in [*blocks, splitter.rest()] for event in sse.events(block)]
    assert [one for one in told if one] == [b'{"a":\n1}', b"[DONE]"]


def test_empty_lines_are_events_without_data() -> None:
    block = b"\n\ndata: a\n\n\n\ndata: b\n\n"
    assert list(sse.events(block)) == [b"\n\n", b"data: a\n\n", b"\n\n", b"data: b\n\n"]
    assert [sse.data(event) for event in sse.events(block)] == [b"", b"a", b"", b"b"]


def test_the_name_of_an_event() -> None:
    assert sse.name(b"event: error\ndata: {}\n\n") == b"error"
    assert sse.name(b"data: event: error\n\n") == b""


@pytest.mark.parametrize(
    "block",
    [
        b": hello\n\n",
        b"data: {broken}\n\n",
        b"data: [1]\n\n",
        b"\n\n",
        b'data: {"a":1}\n\ndata: {oops}\n\n',
        b'data: {"a":1}\r\n\r\n',
        b'data: {"a":1}\n\ndata: [1]\n\n',
    ],
)
def test_what_is_not_plain_objects_alone_is_looked_at_event_by_event(block: bytes) -> None:
    assert sse.objects(block) is None


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_block_of_plain_events_is_read_at_once(count: int) -> None:
    value = {"a": "\n\ndata: {}", "b": [1]}

    assert sse.objects(sse.event(value) * count) == [value] * count
