"""The texts that the demo upstream generates."""

from functools import lru_cache
from itertools import cycle, islice
from typing import Any

import orjson

from devserver.upstream.tokenizer import tokenize

_LONGEST_TOPIC = 60
# Every piece of it begins a word or follows one, so that any stretch of it, repeated, tokenizes
# into just the pieces it was made of. The accents and signs are there to be split and rejoined.
_PASSAGE = tokenize(
    " A demo model writes one piece after the other — café, naïve, 漢字, 🙂 and all —"
    " so that you can watch a stream arrive while every piece is counted once."
)


@lru_cache(maxsize=1024)
def answer_about(topic: str) -> tuple[str, ...]:
    """The default answer, about 60 tokens, in pieces."""
    if len(topic) > _LONGEST_TOPIC:
        topic = topic[: _LONGEST_TOPIC - 1].rstrip() + "…"
    asked = f"You asked: “{topic}”. " if topic else ""
    return tuple(
        tokenize(
            f"Hello! {asked}I am the demo model: this text is prepared — but the stream, its token"
            " counts and the charge to your balance are real. Set a provider key, such as"
            " OPENROUTER_API_KEY, and a real model answers."
        )
    )


@lru_cache(maxsize=8)
def passage(tokens: int) -> tuple[str, ...]:
    """Exactly this many pieces of text."""
    pieces = list(islice(cycle(_PASSAGE), tokens))
    if pieces:
        pieces[0] = pieces[0].lstrip()
    return tuple(pieces)


def json_answer_about(topic: str) -> tuple[str, ...]:
    """The default answer as a JSON object."""
    text = "".join(answer_about(topic))
    return tuple(tokenize(orjson.dumps({"answer": text}).decode()))


def json_passage(tokens: int) -> tuple[str, ...]:
    """A JSON object of exactly this many pieces, or of the fewest that make one."""
    head, tail = ('{"', "answe", "r", '":', '"'), ('"', "}")
    return (*head, *passage(max(0, tokens - len(head) - len(tail))), *tail)


def arguments(schema: Any) -> Any:
    """A value that fits a tool's JSON schema, as far as it is one."""
    if not isinstance(schema, dict):
        return "demo"
    choices, kinds = schema.get("enum"), schema.get("type")
    if isinstance(choices, list) and choices:
        return choices[0]
    kind = kinds[0] if isinstance(kinds, list) and kinds else kinds
    return _BY_TYPE.get(str(kind), lambda _: "demo")(schema)


def _object(schema: dict[str, Any]) -> dict[str, Any]:
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return {}
    return {name: arguments(inner) for name, inner in properties.items()}


_BY_TYPE: dict[str, Any] = {
    "object": _object,
    "array": lambda schema: [arguments(schema.get("items"))],
    "integer": lambda _: 1,
    "number": lambda _: 1.5,
    "boolean": lambda _: True,
    "null": lambda _: None,
}
