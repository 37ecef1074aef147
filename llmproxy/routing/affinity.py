"""Which provider a session keeps to, so that the provider's cache knows its prompts. Pure.

By rendezvous hashing: each provider has a score of its own for a session, and the highest wins. So
every worker chooses the same one without memory or messages; when a provider is not to be asked,
only its own sessions move, and they come back when it is well again.
"""

import hashlib
from collections.abc import Iterable

from llmproxy.catalog.snapshot import ServedRoute


def ordered(routes: Iterable[ServedRoute], session: str) -> list[ServedRoute]:
    """Return the routes by priority; equals by their score, or without a session as they are."""
    if not session:
        return list(routes)
    return sorted(routes, key=lambda route: (route.priority, -_score(session, route)))


def _score(session: str, route: ServedRoute) -> int:
    told = f"{route.provider.name}\0{session}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(told, digest_size=8).digest())
