"""Reading and classifying the errors of providers. Pure.

These shapes are read: OpenAI's ``{"error": {…}}`` and ``{"error": "…"}``, a flat
``{"object": "error"}`` or ``{"message": …}``, FastAPI's ``{"detail": …}``, Gemini's list, problem
details (RFC 9457), ``{"errors": […]}``, ``{"code": …, "msg": …}``, plain text and HTML. The message
is kept, because only the message explains to a user what is wrong with a request.
"""

import html
import re
from enum import StrEnum
from typing import Any, NamedTuple

from llmproxy.protocol.parsing import loads

_LONGEST = 2000


class Kind(StrEnum):
    """The cause: the first two are the user's to fix, the next three the operator's."""

    CONTEXT = "context_length_exceeded"
    FILTER = "content_filter"
    RATE = "rate"
    BALANCE = "balance"
    AUTH = "auth"
    OTHER = "other"


class Refusal(NamedTuple):
    """The parts of an error. Missing parts are empty."""

    message: str = ""
    code: str = ""
    type: str = ""
    param: str | None = None
    flagged: bool = False

    @property
    def is_empty(self) -> bool:
        """Return whether all parts are missing."""
        return not (self.message or self.code or self.type)

    @property
    def status(self) -> int | None:
        """Return the HTTP status for a code, such as in an error with status 200."""
        is_status = len(self.code) == 3 and self.code.isascii() and self.code.isdecimal()
        return int(self.code) if is_status and 400 <= int(self.code) < 600 else None


# First by code or type, which are meant for programs, then by unambiguous phrases.
_CODES = {
    Kind.CONTEXT: ("context_length", "context_window", "string_above_max_length"),
    Kind.FILTER: ("content_filter", "content_policy", "responsibleai", "moderation"),
    Kind.BALANCE: ("insufficient_quota", "insufficient_balance", "billing", "payment_required"),
    Kind.RATE: ("rate_limit", "ratelimit", "too_many_requests", "resource_exhausted", "throttling"),
    Kind.AUTH: ("invalid_api_key", "authentication_error", "unauthenticated", "unauthorized"),
}
_PHRASES = {
    Kind.CONTEXT: re.compile(
        r"context.?(length|window|size|limit)|maximum context|(prompt|input|request|message)s? (is"
        r"|are) too long"
        r"|too many (input |prompt )?tokens|reduce the length|exceeds? the (maximum|max"
        r"|limit)[\w ]* tokens?"
        r"|(input|prompt)[\w ]* tokens?[\w ()]* exceeds?|exceeds? the available context"
        r"|longer than the model|tokens? > \d+ maximum|input length[\w ]* exceeds"
    ),
    Kind.FILTER: re.compile(
        r"content (management|filter|policy|moderation)|flagged (as|by|for)|safety (system"
        r"|filter|policy|reasons)"
        r"|responsible ai|prohibited[ _]content|usage polic(y|ies)|violat\w+ [\w ]*polic(y|ies)"
        r"|sensitive content|inappropriate content"
    ),
    Kind.BALANCE: re.compile(
        r"(insufficient|not enough|out of|too low|no remaining|exceeded) [\w ]*(credit|balance"
        r"|fund|quota)"
        r"|(credit|balance|fund)s?[\w ]* (is|are) (too low|insufficient|exhausted|not enough)"
        r"|exceeded your current quota|(payment|billing) (is )?(required|issue|hard limit)"
        r"|add (more )?credits"
    ),
    Kind.RATE: re.compile(
        r"rate.?limit|too many requests|requests per (minute|second|day)|tokens per (minute|day)"
        r"|resource (has been )?exhausted|(server|model|engine)[\w ]* (is )?(overloaded"
        r"|at capacity|too busy)"
    ),
    Kind.AUTH: re.compile(
        r"(invalid|incorrect|missing|expired|wrong|no)[\w ]* (api|access|auth)[ -]?(key|token)"
        r"|(api key|token)[\w ]* (is )?(not valid|invalid|expired)|authentication (failed|error)"
    ),
}


def kind_of(refusal: Refusal) -> Kind:
    """Classify a refusal by its codes, else by its message."""
    named = f"{refusal.code} {refusal.type}".lower().replace("-", "_")
    for kind, codes in _CODES.items():
        if any(code in named for code in codes):
            return kind
    words = refusal.message.lower()
    if refusal.flagged:
        return Kind.FILTER
    return next((kind for kind, phrase in _PHRASES.items() if phrase.search(words)), Kind.OTHER)


def read(body: bytes) -> Refusal:
    """Read the body of a refusal. Missing parts are empty."""
    try:
        value = loads(body)
    except ValueError:
        return Refusal(_text(body))
    return from_json(value)


def from_json(value: Any) -> Refusal:
    """Read a refusal in JSON."""
    if isinstance(value, str):
        return Refusal(_short(value))
    if isinstance(value, list):
        return _from_list(value)
    if not isinstance(value, dict):
        return Refusal()
    inner = value.get("error") or value.get("errors") or value.get("fault")
    if isinstance(inner, dict):
        return _from_object({**_scalars(value), **inner})
    if isinstance(inner, list):
        return _from_list(inner)
    return _from_object(value if inner is None else {"message": str(inner), **_scalars(value)})


def error_in(answer: Any) -> Refusal | None:
    """Find the error in an answer with status 200, or in an event of a stream; None without one.

    ``answer`` is parsed JSON.
    """
    if isinstance(answer, list):
        return next((one for item in answer if (one := error_in(item))), None)
    if not isinstance(answer, dict):
        return None
    if answer.get("error") or answer.get("errors") or answer.get("fault"):
        return from_json(answer)
    if answer.get("object") == "error" or answer.get("type") == "error":
        return from_json(answer)
    if _has_answer(answer):
        return _of_choices(answer.get("choices"))
    found = from_json(answer)
    return found if found.message else None


def _has_answer(answer: dict[str, Any]) -> bool:
    found = answer.get
    is_chat = found("choices") is not None or found("usage") is not None
    return is_chat or found("data") is not None or found("candidates") is not None


def _of_choices(choices: Any) -> Refusal | None:
    """Find a choice that ended with an error, in OpenRouter's form."""
    for choice in choices if isinstance(choices, list) else []:
        if isinstance(choice, dict) and (
            choice.get("finish_reason") == "error" or choice.get("error")
        ):
            return from_json(choice) if choice.get("error") else Refusal(type="error")
    return None


def _from_list(items: list[Any]) -> Refusal:
    refusals = [one for item in items if not (one := from_json(item)).is_empty]
    if not refusals:
        return Refusal()
    message = "; ".join(filter(None, (one.message for one in refusals)))
    return refusals[0]._replace(message=_short(message))


_MESSAGES = ("message", "detail", "msg", "error_message", "error_msg", "status_msg", "faultstring")
_MORE_MESSAGES = ("Message", "reason", "description", "title", "error_description")


def _from_object(value: dict[str, Any]) -> Refusal:
    metadata = value.get("metadata")
    beside = metadata if isinstance(metadata, dict) else {}
    message = next(
        (text for key in _MESSAGES + _MORE_MESSAGES if (text := _string(value.get(key)))), ""
    )
    if not message and isinstance(inner := value.get("base_resp"), dict):
        return _from_object({**inner, "code": inner.get("status_code")})
    if raw := _string(beside.get("raw")):
        message = f"{message} ({raw})" if message and raw not in message else message or raw
    code = next(
        (value[key] for key in ("code", "error_code", "status") if _is_code(value.get(key))), ""
    )
    param = value.get("param") or _place(value.get("detail"))
    return Refusal(
        message=_short(message),
        code=str(code),
        type=str(value["type"]) if isinstance(value.get("type"), str) else "",
        param=param if isinstance(param, str) else None,
        flagged="flagged_input" in beside,
    )


def _string(value: Any) -> str:
    """Return a message. Some providers wrap it in JSON."""
    if isinstance(value, str):
        text = value.strip()
        return _unwrapped(text) if text.startswith(("{", "[")) else text
    return from_json(value).message


def _unwrapped(text: str) -> str:
    try:
        return from_json(loads(text.encode(errors="replace"))).message or text
    except ValueError:
        return text


def _place(detail: Any) -> str | None:
    """Return the first field in FastAPI's list of details."""
    first = detail[0] if isinstance(detail, list) and detail else None
    place = first.get("loc") if isinstance(first, dict) else None
    return ".".join(map(str, place[1:])) or None if isinstance(place, list) else None


def _is_code(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and value not in ("", 0)


def _scalars(value: dict[str, Any]) -> dict[str, Any]:
    return {key: one for key, one in value.items() if key in ("code", "type", "param") and one}


_TITLE = re.compile(r"<(title|h1)[^>]*>(.*?)</\1", re.IGNORECASE | re.DOTALL)
_SCRIPTS = re.compile(r"<(script|style).*?</\1>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^>]*>")


def _text(body: bytes) -> str:
    """Return the text of plain text or of an HTML page."""
    text = body.decode(errors="replace")
    if "<" in text and ">" in text:
        title = _TITLE.search(text)
        text = title[2] if title else _SCRIPTS.sub(" ", text)
        text = html.unescape(_TAG.sub(" ", text))
    return _short(text)


def _short(text: str) -> str:
    printable = "".join(one if one.isprintable() else " " for one in text[: 2 * _LONGEST])
    return " ".join(printable.split())[:_LONGEST]
