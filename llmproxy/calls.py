"""A client's request to a model: read from its body, and written anew for a provider.

Only what the proxy must know is read; everything else passes through untouched.
"""

from dataclasses import dataclass
from typing import Any

import orjson

from config.errors import InvalidRequest
from llmproxy.estimate import PromptSize, prompt_size

CHAT = "chat/completions"
_MOST_CHOICES = 128
# Small texts that would be large objects.
_MOST_PARTS = 500_000
_MOST_COMMAS = 2_000_000
_LARGE = 200_000


@dataclass(frozen=True)
class Call:
    """A validated request. `max_output` is the client's own limit for each choice, if any."""

    endpoint: str
    body: dict[str, Any]
    model: str
    stream: bool
    wants_usage: bool
    choices: int
    max_output: int | None
    prompt: PromptSize


def parse(endpoint: str, raw: bytes) -> Call:
    """Read a request body. Raises ``InvalidRequest`` with the name of the bad field.

    Takes its time over a large one: see ``is_large``.
    """
    body = _object(raw)
    model = _typed(body, "model", str, required=True)
    messages = _typed(body, "messages", list, required=True)
    if not messages or not all(isinstance(message, dict) for message in messages):
        raise InvalidRequest("messages must be a non-empty list of objects.", param="messages")
    options = _typed(body, "stream_options", dict) or {}
    return Call(
        endpoint=endpoint,
        body=body,
        model=model,
        stream=_typed(body, "stream", bool) or False,
        wants_usage=options.get("include_usage") is True,
        choices=_positive(body, "n", at_most=_MOST_CHOICES) or 1,
        max_output=_max_output(body),
        prompt=prompt_size(body),
    )


def is_large(raw: bytes) -> bool:
    """Tell whether a body is better read off the event loop."""
    return len(raw) > _LARGE


def for_upstream(call: Call, *, model: str, max_output: int) -> bytes:
    """Write the body for a provider: its name of the model, our cap, and usage asked for."""
    body = {**call.body, "model": model}
    capped = [key for key in ("max_tokens", "max_completion_tokens") if body.get(key) is not None]
    for key in capped or ["max_tokens"]:
        body[key] = min(body.get(key) or max_output, max_output)
    if call.stream:
        body["stream_options"] = {**(body.get("stream_options") or {}), "include_usage": True}
    return orjson.dumps(body)


def _object(raw: bytes) -> dict[str, Any]:
    if raw.count(b"[") + raw.count(b"{") > _MOST_PARTS or raw.count(b",") > _MOST_COMMAS:
        raise InvalidRequest("The body has too many parts.")
    try:
        body = orjson.loads(raw)
        orjson.dumps(body)  # It will be written anew for a provider.
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(f"The body is not valid JSON: {error}.") from error
    except orjson.JSONEncodeError as error:
        raise InvalidRequest("The body is nested too deeply.") from error
    if not isinstance(body, dict):
        raise InvalidRequest("The body must be a JSON object.")
    if "models" in body:  # OpenRouter would take one that the plan and the price are not of.
        raise InvalidRequest("Name one model, in `model`.", param="models")
    return body


def _typed(body: dict[str, Any], name: str, kind: type, *, required: bool = False) -> Any:
    value = body.get(name)
    if value is None and not required:
        return None
    if not isinstance(value, kind):
        missing = "is required" if value is None else "has the wrong type"
        raise InvalidRequest(f"{name} {missing}: send {_SPOKEN[kind]}.", param=name)
    return value


def _positive(body: dict[str, Any], name: str, *, at_most: int = 2**53) -> int | None:
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= at_most:
        raise InvalidRequest(f"{name} must be a whole number from 1 to {at_most}.", param=name)
    return value


def _max_output(body: dict[str, Any]) -> int | None:
    limits = [_positive(body, name) for name in ("max_tokens", "max_completion_tokens")]
    return min((limit for limit in limits if limit is not None), default=None)


_SPOKEN = {str: "a string", list: "a list", dict: "an object", bool: "true or false"}
