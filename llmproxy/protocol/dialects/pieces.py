"""Reading the pieces of a model's output from a chat message or the deltas of a stream."""

import itertools
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from llmproxy.protocol.parsing import dumps

Json = dict[str, Any]
Kind = Literal["reasoning", "text", "refusal", "call"]

_TEXT_OF = {"reasoning.text": "text", "reasoning.summary": "summary"}


class Piece(NamedTuple):
    """A piece of a block; pieces with the same ``key`` belong together.

    ``detail`` has the other fields of an entry of ``reasoning_details``.
    """

    kind: Kind
    key: str
    text: str = ""
    id: str = ""
    name: str = ""
    custom: bool = False
    detail: Json | None = None


class PieceReader:
    """Reads the deltas of one choice, or its whole message.

    Records which tool call an index refers to: some gateways use one index for several calls, or
    leave it out.
    """

    def __init__(self) -> None:
        self._calls: dict[int, tuple[str, str]] = {}
        self._last: tuple[str, str] | None = None
        self._numbers = itertools.count()

    def read(self, message: Json, *, whole: bool = False) -> Iterator[Piece]:
        """Yield the pieces of a delta or a message. ``whole``: every call in it is complete."""
        yield from _reasoning(message, whole=whole)
        yield from _content(message.get("content"))
        if refusal := _text(message.get("refusal")):
            yield Piece("refusal", "refusal", refusal)
        calls = message.get("tool_calls")
        for position, call in enumerate(calls if isinstance(calls, list) else []):
            if isinstance(call, dict):
                yield self._call(call, position, whole=whole)
        if isinstance(legacy := message.get("function_call"), dict):
            yield Piece("call", "function_call", _arguments(legacy), name=_text(legacy.get("name")))

    def _call(self, call: Json, position: int, *, whole: bool) -> Piece:
        given, index = _text(call.get("id")), call.get("index")
        if isinstance(index, int):
            known = self._calls.get(index)
        else:
            known = self._last if self._last and given in ("", self._last[1]) else None
            index = position
        if whole or known is None or (given and known[1] and given != known[1]):
            known = (f"call-{next(self._numbers)}", given)
        self._last = self._calls[index] = (known[0], known[1] or given)
        custom = isinstance(call.get("custom"), dict)
        fields = call.get("custom") if custom else call.get("function")
        fields = fields if isinstance(fields, dict) else {}
        text = _text(fields.get("input")) if custom else _arguments(fields)
        return Piece("call", known[0], text, given, _text(fields.get("name")), custom)


def _reasoning(message: Json, *, whole: bool) -> Iterator[Piece]:
    """Yield the structured reasoning, else the plain text, which would repeat it."""
    details = message.get("reasoning_details")
    found = [one for one in details if isinstance(one, dict)] if isinstance(details, list) else []
    for position, detail in enumerate(found):
        kind = _text(detail.get("type"))
        name = _TEXT_OF.get(kind, "")
        fields = {key: value for key, value in detail.items() if key != name and value is not None}
        key = f"{kind}-{position if whole else detail.get('index', detail.get('id'))}"
        yield Piece("reasoning", key, _text(detail.get(name)), detail=fields)
    if not found and (plain := _text(message.get("reasoning") or message.get("reasoning_content"))):
        yield Piece("reasoning", "reasoning", plain)


def _content(content: Any) -> Iterator[Piece]:
    """Yield the text. Mistral sends a list of parts, some of which are thinking."""
    if isinstance(content, str):
        if content:
            yield Piece("text", "text", content)
        return
    for part in content if isinstance(content, list) else []:
        if not isinstance(part, dict):
            continue
        if isinstance(thinking := part.get("thinking"), list):
            for piece in _content(thinking):
                yield Piece("reasoning", "reasoning", piece.text)
        elif text := _text(part.get("text")):
            yield Piece("text", "text", text)


def _arguments(function: Json) -> str:
    """Return a call's arguments as text. Some servers send an object."""
    arguments = function.get("arguments")
    return dumps(arguments).decode() if isinstance(arguments, dict) else _text(arguments)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
