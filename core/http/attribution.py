"""For which session and task a client says that a request is. Pure.

Agents name them in many ways; the first of each list that says something is taken:

    session     x-session-id, x-session-affinity, session-id, X-Claude-Code-Session-Id,
                then in the body prompt_cache_key, user, metadata.user_id
    task        x-task-id, thread-id

A name is never an error. Of its characters those that can be shown are kept, and one that is longer
than ``LONGEST`` ends with a digest of the whole, so that different names stay different.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

LONGEST = 200
_DIGEST = 16

_SESSION = (
    "HTTP_X_SESSION_ID",
    "HTTP_X_SESSION_AFFINITY",
    "HTTP_SESSION_ID",
    "HTTP_X_CLAUDE_CODE_SESSION_ID",
)
_TASK = ("HTTP_X_TASK_ID", "HTTP_THREAD_ID")
_HEADERS = frozenset((*_SESSION, *_TASK))
_IN_BODY = ("prompt_cache_key", "user")


class Attribution(Struct, frozen=True):
    """The names that the client gave; empty where it gave none."""

    session: str = ""
    task: str = ""


def attribution(meta: Mapping[str, Any], body: Mapping[str, Any] | None = None) -> Attribution:
    """Read the names from a request's WSGI-style headers and, after these, from its JSON body."""
    if meta.keys().isdisjoint(_HEADERS):  # as of most clients
        session = task = ""
    else:
        session, task = _first(meta, _SESSION), _first(meta, _TASK)
    if body and not session:
        metadata = body.get("metadata")
        session = _first(body, _IN_BODY) or (
            named(metadata.get("user_id")) if isinstance(metadata, dict) else ""
        )
    return Attribution(session, task)


def _first(values: Mapping[str, Any], names: tuple[str, ...]) -> str:
    for key in names:
        if key in values and (name := named(values[key])):
            return name
    return ""


def named(value: Any) -> str:
    """Return a name as it is kept; empty where it is none."""
    if not isinstance(value, str):
        return ""
    name = "".join(filter(str.isprintable, value)).strip()
    if len(name) <= LONGEST:
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST]
    return f"{name[: LONGEST - _DIGEST - 1]}~{digest}"
