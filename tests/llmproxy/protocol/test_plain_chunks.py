"""Chunks that differ only in their text are read without parsing, and no others."""

from typing import Any

import orjson
import pytest

from llmproxy.protocol.plain import PlainChunks


def event(text: str, **more: Any) -> bytes:
    chunk = {
        "id": "c",
        "choices": [{"index": 0, "delta": {"content": text, **more}}],
        "object": "x",
    }
    return b"data: " + orjson.dumps(chunk) + b"\n\n"


def learned(text: str = "Hello") -> PlainChunks:
    plain = PlainChunks()
    plain.learn(event(text), {"content": text})
    return plain


@pytest.mark.parametrize("first", ["", "Hello", 'a "quote"', "grün", "\n"])
def test_the_next_chunks_are_read_by_the_bytes_around_their_text(first: str) -> None:
    plain = learned(first)

    assert plain.field == "content"
    assert plain.text(event(" world")) == " world"
    assert plain.text(event("grün 🎉")) == "grün 🎉"
    assert plain.text(event("")) == ""


def test_a_block_of_several_chunks_is_read_at_once() -> None:
    plain = learned()
    assert plain.text(event("a") + event("b") + event("c")) == "abc"
    assert plain.chunks == 3
    assert plain.text(event("d")) == "d"
    assert plain.chunks == 1


@pytest.mark.parametrize(
    "block",
    [
        event('a "quote"'),
        event("a \\ b"),
        event("a\nb"),
        event("a\u2028b"),
        event("a", role="assistant"),
        event("a")[:-1],
        event("a").replace(b'"c"', b'"d"'),
        event("a") + event("b", role="assistant"),
        event("a") + b"data: [DONE]\n\n",
        event("a").replace(b'"a"', b'"\xff"'),
        event("a").replace(b'"a"', b'"a\n\nb"'),
        event("a").replace(b'"a"', b'"a\tb"'),
        b"",
    ],
)
def test_anything_else_is_parsed(block: bytes) -> None:
    assert learned().text(block) is None


def test_nothing_is_known_at_first() -> None:
    plain = PlainChunks()

    assert (plain.field, plain.text(event("a"))) == ("", None)


@pytest.mark.parametrize(
    ("read", "delta"),
    [
        (event("a"), None),
        (event("a"), "a"),
        (event("a"), {}),
        (event("a", role="assistant"), {"content": "a", "role": "assistant"}),
        (event("a"), {"content": ["a"]}),
        (event("a"), {"other": "a"}),
        (event("a"), {"content": "b"}),
        (event("a").replace(b'"object":"x"', b'"content":"x"'), {"content": "a"}),
        (b'data: {"choices":[{"delta":{"content": "a"}}]}\n\n', {"content": "a"}),
        (b'data: {"choices":[{"delta":{"content":"\\u0061"}}]}\n\n', {"content": "a"}),
    ],
)
def test_nothing_is_learned_where_the_text_is_not_found_once(read: bytes, delta: Any) -> None:
    plain = PlainChunks()
    plain.learn(read, delta)

    assert plain.field == ""
    assert plain.text(read) is None


def test_a_type_beside_the_text_is_no_more_text() -> None:
    plain = PlainChunks()
    plain.learn(event("a", type="text"), {"content": "a", "type": "text"})

    assert plain.text(event("b", type="text")) == "b"


def test_another_kind_of_chunk_replaces_the_former() -> None:
    plain = learned()
    other = event("hm").replace(b'"content"', b'"reasoning"')
    plain.learn(other, {"reasoning": "hm"})

    assert plain.field == "reasoning"
    assert plain.text(other) == "hm"
    assert plain.text(event("a")) is None


def test_a_stream_whose_chunks_all_differ_is_given_up_after_16() -> None:
    plain = PlainChunks()
    for number in range(15):
        plain.learn(event("a").replace(b'"c"', b'"%d"' % number), {"content": "a"})
    for _ in range(20):
        plain.learn(event("a"), {"content": "a", "role": "assistant"})  # is not counted

    plain.learn(event("a"), {"content": "a"})
    assert plain.text(event("b")) == "b"
    plain.learn(event("a").replace(b'"c"', b'"17"'), {"content": "a"})
    assert plain.text(event("b")) == "b"
