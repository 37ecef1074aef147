"""The journal of requests and their outcome, which tests compare the proxy's receipts with."""

import os
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from devserver.upstream.generation import Plan
from devserver.upstream.wire import Request

_KEPT = 10_000
_SERIAL_LENGTH = 24
# Not copied into the journal: long, and none of a journal's business.
_CONTENT = ("messages", "prompt", "input")
_OUTCOMES = ("finished", "cancelled", "fault", "rejected")
_TOTALS = ("requests", *_OUTCOMES, "prompt_tokens", "completion_tokens")


@dataclass(slots=True)
class Record:
    """One generation request.

    ``outcome`` is ``running``, ``finished``, ``cancelled`` (the client left), ``fault`` or
    ``rejected``. ``completion_tokens`` counts what was generated: on a stream the token chunks
    written so far. ``reported`` is the usage the client was told, if any.
    """

    serial: str
    path: str
    headers: dict[bytes, bytes]
    id: str = ""
    model: str | None = None
    user: str | None = None
    stream: bool = False
    status: int | None = None
    outcome: str = "running"
    faults: tuple[str, ...] = ()
    prompt_tokens: int = 0
    completion_tokens: int = 0
    chunks_sent: int = 0
    reported: dict[str, Any] | None = None
    params: dict[str, Any] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)
    plan: Plan | None = None
    later: int = 0
    began: float = field(default_factory=time.time)
    ended: float | None = None

    @property
    def request_id(self) -> str:
        return f"req_{self.serial}"

    def note(self, body: dict[str, Any]) -> None:
        """Remember what the parsed request asked for."""
        self.keys = list(body)
        self.params = {key: body[key] for key in body if key not in _CONTENT}
        self.model = body.get("model")
        self.user = body.get("user")
        self.stream = bool(body.get("stream"))

    def view(self) -> dict[str, Any]:
        """The record as the control API shows it."""
        reported = self.reported or {}
        return {
            "id": self.id,
            "request_id": self.request_id,
            "model": self.model,
            "path": self.path,
            "user": self.user,
            "stream": self.stream,
            "status": self.status,
            "outcome": self.outcome,
            "faults": list(self.faults),
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "reported": _counts(reported) if reported else None,
            "chunks_sent": self.chunks_sent,
            "headers": _headers(self.headers),
            "keys": self.keys,
            "params": self.params,
            "began": self.began,
            "ended": self.ended,
        }


def _counts(reported: dict[str, Any]) -> dict[str, int]:
    """What was reported, in chat's names: Messages and Responses have others."""
    cached = ("cache_read_input_tokens", "cache_creation_input_tokens")
    prompt = reported.get("prompt_tokens", reported.get("input_tokens", 0))
    return {
        "prompt_tokens": prompt + sum(reported.get(name, 0) for name in cached),
        "completion_tokens": reported.get("completion_tokens", reported.get("output_tokens", 0)),
    }


def _headers(headers: dict[bytes, bytes]) -> dict[str, str]:
    shown = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers.items()}
    if "authorization" in shown:
        shown["authorization"] = f"…{shown['authorization'].partition(' ')[2][-4:]}"
    return shown


class Journal:
    """The last 10,000 requests, and sums over all of them."""

    def __init__(self, *, keeps: bool = True) -> None:
        self._keeps = keeps
        self._prefix = os.urandom(4).hex()
        self._count = 0
        self.clear()

    def clear(self) -> None:
        self._records: deque[Record] = deque()
        self._by_serial: dict[str, Record] = {}
        self._running: set[str] = set()
        self._totals = dict.fromkeys(_TOTALS, 0)

    def open(self, *, request: Request, path: str) -> Record:
        self._count += 1
        record = Record(f"{self._prefix}{self._count:016x}", path, request.headers)
        self._totals["requests"] += 1
        self._running.add(record.serial)
        if self._keeps:
            self._keep(record)
        return record

    def _keep(self, record: Record) -> None:
        self._records.append(record)
        self._by_serial[record.serial] = record
        if len(self._records) > _KEPT:
            del self._by_serial[self._records.popleft().serial]

    def close(self, record: Record, *, outcome: str) -> None:
        """Note how the request ended; one from before the journal was cleared isn't counted."""
        record.outcome = outcome
        record.ended = time.time()
        if record.serial not in self._running:
            return
        self._running.remove(record.serial)
        self._totals[outcome] += 1
        if outcome == "finished" and record.reported:
            for name, tokens in _counts(record.reported).items():
                self._totals[name] += tokens

    def find(self, ident: str) -> Record | None:
        """By the answer's id or the request's id, which end in the same serial."""
        return self._by_serial.get(ident[-_SERIAL_LENGTH:])

    def totals(self) -> dict[str, int]:
        return {**self._totals, "running": len(self._running)}

    def newest_first(self) -> Iterator[Record]:
        return reversed(self._records)
