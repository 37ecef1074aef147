"""Reading and writing the JSON of providers, some of which is not quite JSON. Pure."""

import json
from typing import Any, NoReturn

import orjson


def loads(text: bytes) -> Any:
    """Read what a provider wrote. Raises ``ValueError`` where it is no JSON.

    Half of a surrogate pair, as a model may write an emoji in two chunks, is let pass: RFC 8259
    (8.2) leaves that to the reader, and orjson refuses it.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        if b"\\ud" not in text.lower():
            raise
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def dumps(value: Any) -> bytes:
    """Write it anew, halves included."""
    try:
        return orjson.dumps(value, default=str)
    except orjson.JSONEncodeError:
        return json.dumps(value, default=str, separators=(",", ":")).encode()


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")
