"""Which call a piece of a stream belongs to, by its index or its id, or by what came before."""

from typing import Any

import pytest

from llmproxy.protocol.dialects.pieces import PieceReader

A, B = {"id": "a"}, {"id": "b"}


def at(index: Any, **fields: Any) -> dict[str, Any]:
    return {"index": index, **fields}


@pytest.mark.parametrize(
    ("deltas", "calls"),
    [
        # By the index
        ([[at(0, **A)], [at(0)], [at(0)]], [0, 0, 0]),
        ([[at(0, **A)], [at(1, **B)], [at(0)], [at(1)]], [0, 1, 0, 1]),
        ([[at(0, **A), at(1, **B)], [at(1), at(0)]], [0, 1, 1, 0]),
        ([[at(0)], [at(0, **A)], [at(0)]], [0, 0, 0]),
        ([[at(0, **A)], [at(0, **A)]], [0, 0]),
        ([[at(2, **A)], [at(1, **B)], [at(0)]], [0, 1, 2]),
        # Another id at the same index is another call.
        ([[at(0, **A)], [at(0)], [at(0, **B)], [at(0)]], [0, 0, 1, 1]),
        ([[at(0)], [at(0, **A)], [at(0, **B)]], [0, 0, 1]),
        # Without an index, by the id, else it is the one before.
        ([[A], [{}], [A], [{}]], [0, 0, 0, 0]),
        ([[A], [B], [{}], [A]], [0, 1, 1, 2]),
        ([[A, B], [{}]], [0, 1, 1]),
        ([[{}], [{}]], [0, 0]),
        ([[{}], [A]], [0, 1]),
        ([[A], [at(1, **B)], [{}]], [0, 1, 1]),
        # Its place in the list counts as its index.
        ([[A], [at(0)]], [0, 0]),
        ([[A, B], [at(0)], [at(1)]], [0, 1, 0, 1]),
        ([[at("0", **A)], [at(None, **A)]], [0, 0]),
    ],
)
def test_pieces_are_matched(deltas: list[list[dict[str, Any]]], calls: list[int]) -> None:
    reader = PieceReader()

    keys = [piece.key for delta in deltas for piece in reader.read({"tool_calls": delta})]

    known = list(dict.fromkeys(keys))
    assert [known.index(key) for key in keys] == calls


def test_every_call_of_a_whole_message_is_complete() -> None:
    message = {"tool_calls": [at(0, **A), at(0, **A), A, A]}

    keys = [piece.key for piece in PieceReader().read(message, whole=True)]

    assert len(set(keys)) == 4
