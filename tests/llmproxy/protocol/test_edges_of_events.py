"""Where an event ends, what its data is, and how large it may be."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmproxy.protocol import sse


@pytest.mark.parametrize(
    ("event", "data"),
    [
        (b"data: a\n\n", b"a"),
        (b"data:a\n\n", b"a"),
        (b"data:  a\n\n", b" a"),
        (b"data: a\r\r", b"a"),
        (b"data: a\rdata: b\n\n", b"a\nb"),
        (b"data: a\r\n\r\n", b"a"),
        (b"data: a\ndata: b\n\n", b"a\nb"),
        (b"data: a\ndata\ndata: b\n\n", b"a\n\nb"),
        (b"data: a", b"a"),
        (b"data: a\n", b"a"),
        (b"event: x\ndata: a\n\n", b"a"),
        (b"event:x\ndata:a\n\n", b"a"),
        (b"event: x\ndata: a\ndata: b\n\n", b"a\nb"),
        (b"event: x\nid: 1\ndata: a\n\n", b"a"),
        (b"event: x\nid: data: a\n\n", b""),
        (b"data: a\nid: 1\n\n", b"a"),
        (b"id: 1\ndata: a\n\n", b"a"),
        (b"\xef\xbb\xbfdata: a\n\n", b"a"),
        (b": a\n\n", b""),
        (b"database: a\n\n", b""),
        (b"", b""),
        (b"\n\n", b""),
        (b"data: a: b\n\n", b"a: b"),
    ],
)
def test_the_data_of_an_event(event: bytes, data: bytes) -> None:
    assert sse.data(event) == data


@pytest.mark.parametrize(
    ("event", "name"),
    [
        (b"event: a\n\n", b"a"),
        (b"event:a\r\ndata: x\r\n\r\n", b"a"),
        (b"event: a\nevent: b\n\n", b"b"),
        (b"data: x\n\n", b""),
    ],
)
def test_the_name_of_an_event_is_its_last(event: bytes, name: bytes) -> None:
    assert sse.name(event) == name


@pytest.mark.parametrize(
    ("block", "events"),
    [
        (b"", []),
        (b"a\n\n", [b"a\n\n"]),
        (b"a\n\nb\r\n\r\nc\r\rd", [b"a\n\n", b"b\r\n\r\n", b"c\r\r", b"d"]),
        (b"a\n\r\nb\r\n\nc\n\n", [b"a\n\r\n", b"b\r\n\n", b"c\n\n"]),
    ],
)
def test_a_block_is_split_after_empty_lines(block: bytes, events: list[bytes]) -> None:
    assert sse.split(block) == events
    assert list(sse.events(block)) == events


def fed(*chunks: bytes) -> list[bytes]:
    splitter = sse.EventSplitter()
    return [*(splitter.feed(chunk) for chunk in chunks), splitter.rest()]


@pytest.mark.parametrize(
    ("chunks", "blocks"),
    [
        ([b"a\n\nb"], [b"a\n\n", b"b"]),
        ([b"a", b"b", b"\n\nc"], [b"", b"", b"ab\n\n", b"c"]),
        ([b"a\n", b"\nb\n\n"], [b"", b"a\n\nb\n\n", b""]),
        ([b"a\n\n", b"b\n\n"], [b"a\n\n", b"b\n\n", b""]),
        ([b"a\r\n\r\nb"], [b"a\r\n\r\n", b"b"]),
        ([b"a\r\n\r", b"\nb"], [b"a\r\n\r", b"", b"\nb"]),
        ([b"a\r", b"\rb"], [b"", b"a\r\r", b"b"]),
        ([b"a\n\rb\n\n", b"c"], [b"a\n\rb\n\n", b"", b"c"]),
        ([b"a\n\nb\r\r", b"c"], [b"a\n\nb\r\r", b"", b"c"]),
        ([b"a\n\r", b"b"], [b"a\n\r", b"", b"b"]),
        ([b"a\rb", b"c\r"], [b"", b"", b"abc\r".replace(b"ab", b"a\rb")]),
        ([b"\n\n"], [b"\n\n", b""]),
        ([b"\xef\xbb\xbfa\n\n\xef\xbb\xbf"], [b"a\n\n", b"\xef\xbb\xbf"]),
        ([b"", b"\xef\xbb\xbfa\n\n"], [b"", b"a\n\n", b""]),
        ([b"a\n\n", b"\xef\xbb\xbfb\n\n"], [b"a\n\n", b"\xef\xbb\xbfb\n\n", b""]),
    ],
)
def test_whole_events_are_passed_on_and_the_rest_waits(
    chunks: list[bytes], blocks: list[bytes]
) -> None:
    assert fed(*chunks) == blocks


@given(st.lists(st.sampled_from([b"a", b"\n", b"\r", b"data: x", b"\n\n"]), max_size=12))
def test_nothing_is_lost_between_events(chunks: list[bytes]) -> None:
    assert b"".join(fed(*chunks)) == b"".join(chunks)


def test_an_event_has_a_largest_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "LARGEST", 10)
    splitter = sse.EventSplitter()

    assert splitter.feed(b"x" * 100 + b"\n\n") == b"x" * 100 + b"\n\n", "it came at once"
    assert splitter.feed(b"a\n\n" + b"x" * 4) == b"a\n\n"
    assert splitter.feed(b"x" * 6) == b""
    with pytest.raises(sse.TooLarge):
        splitter.feed(b"x")


@pytest.mark.parametrize(
    ("block", "objects"),
    [
        (b"data: {}\n\n", [{}]),
        (b'data: {"a":"]"}\n\ndata: {}\n\n', [{"a": "]"}, {}]),
        (b"data: {}\n\ndata: 1}\n\n", None),
        (b"data: {}\n\ndata: [{}\n\n", None),
        (b"data: {}", None),
        (b"id: {}\n\n", None),
        (b"name: {}\n\n", None),
        (b"data: {} \n\n", None),
        (b'data: {"a":\r1}\n\n', None),
        (b"data: {}\r\n\n", None),
        (b"data: {}\n\ndata: 5\n\ndata: {}\n\n", None),
    ],
)
def test_a_block_of_plain_objects_is_read_at_once(block: bytes, objects: Any) -> None:
    assert sse.objects(block) == objects


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        (b'data: {"a": 1}\n\n', {"a": 1}),
        (b"data: [1]\n\n", None),
        (b"data: {oops\n\n", None),
        (b": hi\n\n", None),
    ],
)
def test_the_payload_of_an_event_is_an_object(event: bytes, payload: Any) -> None:
    assert sse.payload(event) == payload


def test_an_event_is_written_on_one_line() -> None:
    assert sse.event({"a": "x\ny"}) == b'data: {"a":"x\\ny"}\n\n'
