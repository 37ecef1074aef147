"""Assembling the pieces of an answer into a sequence of blocks.

Messages and Responses send an answer as a sequence: a block opens, grows and closes before the
next one opens. In chat completions, parallel tool calls can be interleaved. A block that arrives
while another can still grow is held back, so that every piece is sent within its block.
"""

import json
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from llmproxy.protocol.dialects.pieces import Kind, Piece, PieceReader

Json = dict[str, Any]


@dataclass
class Block:
    """A text, a refusal, reasoning or a tool call, with its position in the answer.

    ``announced``: the stream has opened the part, which is delayed until its first text.
    """

    kind: Kind
    index: int
    id: str = ""
    name: str = ""
    custom: bool = False
    detail: Json = field(default_factory=dict)
    is_open: bool = False
    is_closed: bool = False
    announced: bool = False
    _texts: list[str] = field(default_factory=list)
    _sent: int = 0
    _judged: tuple[int, bool] = (0, False)

    @property
    def text(self) -> str:
        return "".join(self._texts)

    def grow(self, piece: Piece) -> None:
        if piece.text:
            self._texts.append(piece.text)
        if not self.is_open:  # They do not change after they were sent to the client.
            self.id = self.id or piece.id
            self.name = self.name or piece.name
            self.custom = self.custom or piece.custom
        self.detail.update(piece.detail or {})

    def unsent(self) -> str:
        """Return the text that was added since the last call."""
        text = "".join(self._texts[self._sent :])
        self._sent = len(self._texts)
        return text

    def has_ended(self) -> bool:
        """Return whether the block is complete, now that another block has begun.

        A call's arguments are one JSON object, so they are complete when the object is.
        """
        if self.kind != "call" or self.custom:
            return True
        length = sum(map(len, self._texts))
        if self._judged[0] != length:
            self._judged = (length, object_in("".join(self._texts)) is not None)
        return self._judged[1]


class Opened(NamedTuple):
    block: Block


class Added(NamedTuple):
    block: Block
    text: str


class Closed(NamedTuple):
    block: Block


Step = Opened | Added | Closed


class Sequencer:
    """Turns the pieces of an answer, in the order of arrival, into sequential steps."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self._by_key: dict[str, Block] = {}
        self._at = 0

    def add(self, piece: Piece) -> list[Step]:
        block = self._by_key.get(piece.key)
        if block is not None and block.is_closed and piece.kind == "call":
            return []  # Only whitespace can follow complete arguments.
        if block is None or block.is_closed or self._is_past(block):
            block = Block(piece.kind, len(self.blocks))
            self.blocks.append(block)
            self._by_key[piece.key] = block
        block.grow(piece)
        return self._advance()

    def close(self) -> list[Step]:
        """End every block at the end of the answer."""
        return self._advance(last=True)

    def _is_past(self, block: Block) -> bool:
        """Return whether a text has ended because another block followed it."""
        return block.kind in ("text", "refusal") and block is not self.blocks[-1]

    def _advance(self, *, last: bool = False) -> list[Step]:
        steps: list[Step] = []
        while self._at < len(self.blocks):
            block = self.blocks[self._at]
            if not block.is_open:
                if block.kind == "call" and not block.name and not last:
                    break  # A call cannot open before its name is known.
                block.is_open = True
                steps.append(Opened(block))
            if text := block.unsent():
                steps.append(Added(block, text))
            followed = self._at + 1 < len(self.blocks)
            if not last and not (followed and block.has_ended()):
                break
            block.is_closed = True
            steps.append(Closed(block))
            self._at += 1
        return steps


def blocks_of(message: Json) -> list[Block]:
    """Return the blocks of a whole chat message."""
    sequencer = Sequencer()
    for piece in PieceReader().read(message, whole=True):
        sequencer.add(piece)
    sequencer.close()
    return sequencer.blocks


def object_in(text: str) -> Json | None:
    """Parse a JSON object, with integers of any length; None if it is not one."""
    if not text.rstrip().endswith("}"):  # What ends so is an object, if it is JSON.
        return None
    try:
        found: Json = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found
