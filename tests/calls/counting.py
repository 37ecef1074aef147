"""Counting the functions that a request calls, in a server that runs ``tests.calls.counted``."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import orjson

from tests.load.lockstep import Lockstep, Request

_WARM_UP = 20
_TURNS = 40
_MORE_CHUNKS = 10
_BODY: dict[str, Any] = {
    "messages": [{"role": "user", "content": "Tell me a story."}],
    "max_tokens": 500,
}
_CHAT, _MESSAGES = "/v1/chat/completions", "/v1/messages"


def calls(ends: Lockstep, key: str, model: str) -> dict[str, Counter[str]]:
    """Return how often each function is called, by kind of request, and for a chunk of a stream."""

    def counted(path: str, *, chunks: int = 1, **more: Any) -> Counter[str]:
        headers = {"Authorization": f"Bearer {key}"}
        request = Request(path, {"model": model, **_BODY, **more}, headers)
        return _calls_of(ends, lambda: ends.ask(request, chunks=chunks))

    stream = counted(_CHAT, stream=True)
    longer = counted(_CHAT, stream=True, chunks=1 + _MORE_CHUNKS)
    longer.subtract(stream)
    return {
        "chat, JSON": counted(_CHAT),
        "chat, stream": stream,
        "chat, chunk": Counter({name: round(n / _MORE_CHUNKS) for name, n in longer.items()}),
        "messages, JSON": counted(_MESSAGES),
    }


def _calls_of(ends: Lockstep, ask: Callable[[], object]) -> Counter[str]:
    for _ in range(_WARM_UP):
        ask()
    of_counting = _fewest(ends, lambda: None)
    return _fewest(ends, ask) - of_counting


def _fewest(ends: Lockstep, ask: Callable[[], object]) -> Counter[str]:
    """Return the calls of the turn with the fewest: background tasks run in some."""
    turns = []
    before = _counted(ends)
    for _ in range(_TURNS):
        ask()
        after = _counted(ends)
        turns.append(after - before)
        before = after
    return min(turns, key=Counter.total)


def _counted(ends: Lockstep) -> Counter[str]:
    return Counter(orjson.loads(ends.get("/calls")))
