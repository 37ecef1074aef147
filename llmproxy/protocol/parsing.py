"""Parsing and serializing the JSON of providers, some of which is not valid. Pure."""

import json
from typing import Any, NoReturn

import orjson


def loads(text: bytes) -> Any:
    """Parse a provider's JSON. Raises ``ValueError`` if it is not JSON.

    Half of a surrogate pair is accepted, because a model may write an emoji in two chunks. RFC 8259
    (8.2) leaves this to the parser, and orjson refuses it.
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
    """Serialize it, with halves of surrogate pairs; what JSON has no type for, as text."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        return json.dumps(value, default=str, separators=(",", ":")).encode()


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
