"""Pieces become blocks one after the other: each opens, grows and closes before the next opens."""

import pytest

from llmproxy.protocol.dialects.blocks import Added, Block, Closed, Opened, Sequencer, Step
from llmproxy.protocol.dialects.pieces import Piece


def told(step: Step) -> str:
    match step:
        case Opened(block):
            return f"open {block.index} {block.kind}"
        case Added(block, text):
            return f"add {block.index} {text}"
        case Closed(block):
            return f"close {block.index}"


def call(key: str, text: str) -> Piece:
    return Piece("call", key, text, name="f")


def text(text: str) -> Piece:
    return Piece("text", "text", text)


def refusal(text: str) -> Piece:
    return Piece("refusal", "refusal", text)


def reasoning(text: str) -> Piece:
    return Piece("reasoning", "reasoning", text)


@pytest.mark.parametrize(
    ("pieces", "steps"),
    [
        ([text("a"), text("b")], ["open 0 text", "add 0 a", "add 0 b", "close 0"]),
        (  # what was closed is not opened again
            [reasoning("a"), text("b"), reasoning("c")],
            [
                *("open 0 reasoning", "add 0 a", "close 0", "open 1 text", "add 1 b", "close 1"),
                *("open 2 reasoning", "add 2 c", "close 2"),
            ],
        ),
        (  # only whitespace can follow complete arguments
            [call("1", "{}"), text("b"), call("1", " ")],
            ["open 0 call", "add 0 {}", "close 0", "open 1 text", "add 1 b", "close 1"],
        ),
        (  # a call that can still grow holds back what follows
            [call("1", '{"a":'), text("b"), call("1", "1}")],
            [
                *("open 0 call", 'add 0 {"a":', "add 0 1}", "close 0"),
                *("open 1 text", "add 1 b", "close 1"),
            ],
        ),
        (  # and a text that another block has followed has ended, although it was not sent yet
            [call("1", "{"), text("b"), refusal("c"), text("d"), refusal("e"), call("1", "}")],
            [
                *("open 0 call", "add 0 {", "add 0 }", "close 0"),
                *("open 1 text", "add 1 b", "close 1", "open 2 refusal", "add 2 c", "close 2"),
                *("open 3 text", "add 3 d", "close 3", "open 4 refusal", "add 4 e", "close 4"),
            ],
        ),
    ],
)
def test_pieces_are_told_within_their_block(pieces: list[Piece], steps: list[str]) -> None:
    sequencer = Sequencer()
    given = [told(step) for piece in pieces for step in sequencer.add(piece)]
    assert given + [told(step) for step in sequencer.close()] == steps


def test_a_closed_block_says_so() -> None:
    sequencer = Sequencer()
    for piece in (reasoning("a"), text("b")):
        sequencer.add(piece)
    assert [block.is_closed for block in sequencer.blocks] == [True, False]
    assert [(block.kind, block.text) for block in sequencer.blocks] == [
        ("reasoning", "a"),
        ("text", "b"),
    ]


def test_blocks_do_not_share_their_details() -> None:
    one, other = Block("reasoning", 0), Block("reasoning", 1)
    one.grow(Piece("reasoning", "r", detail={"signature": "x"}))
    assert (one.detail, other.detail) == ({"signature": "x"}, {})
