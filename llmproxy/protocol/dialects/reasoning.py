"""Signed or encrypted reasoning that clients send back, carried through other dialects.

OpenRouter's ``reasoning_details`` have the producer of an entry (``format``) and its id. Messages
and Responses have one opaque field, ``signature`` or ``encrypted_content``. An entry that does not
fit into it unchanged is packed into it, and unpacked when the client sends it with its next turn.
https://openrouter.ai/docs/use-cases/reasoning-tokens
"""

import base64
import binascii
from typing import Any

from llmproxy.protocol.parsing import dumps, loads

Json = dict[str, Any]

ANTHROPIC = "anthropic-claude-v1"
OPENAI = "openai-responses-v1"

_PREFIX = "tgr1."
_TEXTS = {"reasoning.text": "text", "reasoning.summary": "summary"}


def pack(detail: Json) -> str:
    """Write an entry as one opaque string."""
    return _PREFIX + base64.urlsafe_b64encode(dumps(dict(sorted(detail.items())))).decode()


def unpack(opaque: str) -> Json | None:
    """Read an entry that ``pack`` wrote; None for other signatures."""
    if not opaque.startswith(_PREFIX):
        return None
    try:
        detail = loads(base64.urlsafe_b64decode(opaque.removeprefix(_PREFIX)))
    except (ValueError, binascii.Error):
        return None
    return detail if isinstance(detail, dict) and isinstance(detail.get("type"), str) else None


def with_text(detail: Json, text: str) -> Json:
    """Return an entry with its text, in the field for its type."""
    name = _TEXTS.get(detail["type"])
    return {**detail, name: text} if name else detail


def is_plain(detail: Json) -> bool:
    """Return whether an entry contains only text."""
    return not set(detail) - {"type", "index"} and detail.get("type") != "reasoning.summary"


def is_anthropic(detail: Json) -> bool:
    """Return whether a block of Messages can represent the whole entry."""
    known = {"type", "signature", "data", "format", "index"}
    return (
        not set(detail) - known
        and detail.get("format") in (None, ANTHROPIC)
        and detail.get("type") in ("reasoning.text", "reasoning.encrypted")
    )


def add_plain(message: Json, text: str) -> None:
    """Add reasoning to an assistant's message for a provider without ``reasoning_details``."""
    if text:
        before = message.get("reasoning_content")
        message["reasoning_content"] = f"{before}\n\n{text}" if before else text


def add_detail(message: Json, detail: Json) -> None:
    """Add an entry of reasoning to an assistant's message."""
    message.setdefault("reasoning_details", []).append(detail)
