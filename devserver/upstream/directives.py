"""Directives in a prompt: ``[[n=100,d=20,fault=cut,after=5]]`` in any message.

It passes through a proxy untouched, so that a test says what the far end does. Text in double
brackets with no known key is plain text; a known key with a bad value or an unknown neighbour
is refused, so that a misspelt fault never goes by unnoticed.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from devserver.upstream.errors import ApiError
from devserver.upstream.faults import FAULTS
from devserver.upstream.scripts import Script, read_script

_DIRECTIVE = re.compile(r"\[\[([a-z_]+(?:=[^\[\],=]*)?(?:,[a-z_]+(?:=[^\[\],=]*)?)*)\]\]")
_MOST_TOKENS = 1_000_000
_LONGEST_MS = 3_600_000.0


@dataclass(frozen=True, slots=True)
class Directive:
    """What one request is to do. Times are milliseconds."""

    n: int | None = None
    d: float | None = None
    first: float = 0.0
    prompt: int | None = None
    cached: int = 0
    cost: str | None = None
    reasoning: int = 0
    tool: str | None = None
    script: Script = ()
    fault: frozenset[str] = frozenset()
    status: int = 0
    retry_after: str | None = None
    after: int = 3
    times: int | None = None
    id: str = ""
    later: int = 0

    def without_fault(self) -> "Directive":
        return replace(self, fault=frozenset(), status=0)


PLAIN = Directive()


def strip(text: str) -> str:
    """The text without its directives."""
    return _DIRECTIVE.sub(lambda match: "" if _fields(match[1]) else match[0], text).strip()


def read(texts: Iterable[str]) -> dict[str, str]:
    """Every key of every directive in the texts; a later one wins."""
    fields: dict[str, str] = {}
    for text in texts:
        if "[[" in text:
            for match in _DIRECTIVE.finditer(text):
                fields |= _fields(match[1])
    return fields


def _fields(directive: str) -> dict[str, str]:
    pairs = (item.partition("=") for item in directive.split(","))
    fields = {key: value for key, _, value in pairs}
    return fields if fields.keys() & _READERS.keys() else {}


def build(fields: Mapping[str, Any]) -> Directive:
    """The directive that these keys make; raises ApiError 400 on a bad one."""
    if not fields:
        return PLAIN
    values = {key: _value(key, str(value)) for key, value in fields.items()}
    if values.get("status"):
        values["fault"] = values.get("fault", frozenset()) | {"status"}
    return Directive(**values)


def _value(key: str, value: str) -> Any:
    try:
        return _READERS[key](value)
    except (KeyError, ValueError):
        message = f"The directive {key}={value} is not one the demo upstream knows."
        raise ApiError(400, message, code="invalid_directive") from None


def _faults(value: str) -> frozenset[str]:
    names = frozenset(value.split("+"))
    if unknown := names - FAULTS:
        raise ValueError(unknown)
    return names


def _whole(low: int, high: int, default: int | None = None) -> Callable[[str], int]:
    def reader(value: str) -> int:
        number = default if not value and default is not None else int(value)
        if not low <= number <= high:
            raise ValueError(value)
        return number

    return reader


def _milliseconds(value: str) -> float:
    number = float(value)
    if not 0 <= number <= _LONGEST_MS:
        raise ValueError(value)
    return number


_tokens = _whole(0, _MOST_TOKENS)
_READERS: dict[str, Callable[[str], Any]] = {
    "n": _tokens,
    "d": _milliseconds,
    "first": _milliseconds,
    "prompt": _whole(0, 10**9),
    "cached": _whole(0, 10**9),
    "cost": lambda value: str(float(value)) and value,
    "reasoning": _whole(0, _MOST_TOKENS, default=12),
    "tool": str,
    "script": read_script,
    "fault": _faults,
    "status": _whole(100, 599),
    "retry_after": str,
    "after": _tokens,
    "times": _tokens,
    "id": str,
    "later": _tokens,
}
