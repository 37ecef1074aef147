"""Assigning each session to one provider, so that its prompts are in the provider's cache. Pure.

This is rendezvous hashing: each provider has a score for a session, and the highest is chosen. So
all workers choose the same provider without shared state. When a provider is unavailable, only its
own sessions move to others, and they return when it is available again.
"""

import hashlib
from collections.abc import Iterable

from llmproxy.catalog.snapshot import ServedRoute


def ordered(routes: Iterable[ServedRoute], session: str) -> list[ServedRoute]:
    """Sort the routes by priority, then by score. Without a session, ties keep their order."""
    if not session:
        return list(routes)
    return sorted(routes, key=lambda route: (route.priority, -_score(session, route)))


def _score(session: str, route: ServedRoute) -> int:
    text = f"{route.provider.name}\0{session}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest())
