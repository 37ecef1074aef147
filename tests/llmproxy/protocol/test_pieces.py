"""The pieces of a delta, and which of them belong together."""

from typing import Any

import pytest

from llmproxy.protocol.dialects.pieces import Piece, PieceReader

THOUGHT = {"type": "reasoning.text"}


def detail(key: str, text: str = "hm", **fields: Any) -> Piece:
    return Piece("reasoning", key, text, detail={**THOUGHT, **fields})


@pytest.mark.parametrize(
    ("delta", "pieces"),
    [
        ({"content": "a"}, [Piece("text", "text", "a")]),
        (
            {"content": [5, {"text": "a"}, {"thinking": [{"text": "hm"}]}]},
            [Piece("text", "text", "a"), Piece("reasoning", "reasoning", "hm")],
        ),
        ({"refusal": "no"}, [Piece("refusal", "refusal", "no")]),
        ({"reasoning": "hm"}, [Piece("reasoning", "reasoning", "hm")]),
        (
            {"function_call": {"name": "f", "arguments": "{}"}},
            [Piece("call", "function_call", "{}", name="f")],
        ),
        (
            {"reasoning_details": [{**THOUGHT, "text": "hm", "index": 3, "id": "i"}]},
            [detail("reasoning.text-3", index=3, id="i")],
        ),
        (
            {"reasoning_details": [{**THOUGHT, "text": "hm", "id": "i"}]},
            [detail("reasoning.text-i", id="i")],
        ),
    ],
)
def test_the_pieces_of_a_delta(delta: dict[str, Any], pieces: list[Piece]) -> None:
    assert list(PieceReader().read(delta)) == pieces


def test_the_entries_of_a_whole_message_are_matched_by_their_position() -> None:
    entry = {**THOUGHT, "text": "hm", "index": 3}
    message = {"reasoning_details": [entry, entry]}

    keys = [piece.key for piece in PieceReader().read(message, whole=True)]

    assert keys == ["reasoning.text-0", "reasoning.text-1"]
