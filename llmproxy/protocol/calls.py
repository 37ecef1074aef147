"""A client's request to a model: parsed from its body, and serialized for a provider.

The proxy reads only the fields that it needs. All others are passed on unchanged.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from msgspec import Struct

from core.errors import InvalidRequest
from llmproxy.protocol import hosted_tools, inputs
from llmproxy.protocol.dialects.responses.stored import refuse_stored
from llmproxy.protocol.estimate import PromptSize, prompt_size

Body = dict[str, Any]

_MOST_CHOICES = 128
_MOST_DRAFTS = 20
# OpenAI's default for legacy completions. Some providers have another.
_SHORT = 16
# Limits for small bodies that would become large objects.
_MOST_PARTS = 500_000
_MOST_COMMAS = 2_000_000
_MOST_COMMAS_BESIDE_LONG = 400_000  # `json` is five times slower
_LARGE = 200_000
# orjson writes 254 levels of what it reads.
_SURELY_SHALLOW = 254


class Call(Struct, frozen=True):
    """A validated request. `max_output` is the client's own limit for each choice, if any.

    `choices` is how many choices the answer has; `drafts` is how many are generated and charged.
    `echoed` is the part of the output, in tokens, that only repeats the prompt. `omitted` names
    the fields that were left out; `headers` are the client's headers that its dialect passes on.
    """

    endpoint: "Endpoint"
    body: Body
    model: str
    stream: bool
    wants_usage: bool
    choices: int
    max_output: int | None
    prompt: PromptSize
    drafts: int = 1
    echoed: int = 0
    encode: Callable[[Any], bytes] = orjson.dumps
    omitted: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Endpoint:
    """One of the endpoints: the kind of model it takes, and the fields of prompt and answer.

    ``dialect`` is the name of its API (``llmproxy.protocol.dialects``).
    """

    path: str
    kind: str
    prompt: str
    answer: str
    limits: tuple[str, ...]
    read: Callable[[Body], dict[str, Any]]
    dialect: str = "chat"


def parse(endpoint: Endpoint, raw: bytes) -> Call:
    """Parse a request body. Raises ``InvalidRequest`` with the name of the invalid field.

    This is slow for large bodies: see ``is_large``.
    """
    body, encode = _object(raw)
    body, omitted = hosted_tools.left_out(body, endpoint.dialect)
    return Call(
        endpoint=endpoint,
        body=body,
        model=_typed(body, "model", str, required=True),
        stream=_typed(body, "stream", bool) or False,
        wants_usage=_wants_usage(body, endpoint),
        encode=encode,
        omitted=omitted,
        **endpoint.read(body),
    )


def _wants_usage(body: Body, endpoint: Endpoint) -> bool:
    """Return whether the client wants usage in its stream. Other dialects always send it.

    ``"usage": {"include": true}`` is OpenRouter's field for it, which its provider for the AI SDK
    uses: https://openrouter.ai/docs/use-cases/usage-accounting.
    """
    options, usage = _typed(body, "stream_options", dict) or {}, body.get("usage")
    as_openrouter = isinstance(usage, dict) and usage.get("include") is True
    return endpoint.dialect != "chat" or options.get("include_usage") is True or as_openrouter


def is_large(raw: bytes) -> bool:
    """Return whether a body is so large that it should be parsed outside the event loop."""
    return len(raw) > _LARGE


def for_upstream(call: Call, *, model: str, max_output: int, limit: str = "max_tokens") -> bytes:
    """Serialize the body for a provider: its name of the model, our output cap, usage requested.

    If a chat request has no output limit of its own, ours is written to the field ``limit``.
    """
    body = {**call.body, "model": model}
    limits = call.endpoint.limits
    ours = (limit,) if limit in limits else limits[:1]
    for key in [key for key in limits if body.get(key) is not None] or ours:
        given = body.get(key)
        if given is not None and given > max_output:
            _lower_thinking(body, max_output)
        body[key] = max_output if given is None else min(given, max_output)
    if call.stream and call.endpoint.dialect == "chat":
        body["stream_options"] = {**(body.get("stream_options") or {}), "include_usage": True}
    return call.encode(body)


# Anthropic's minimum: https://platform.claude.com/docs/en/build-with-claude/extended-thinking
_LEAST_THINKING = 1024


def _lower_thinking(body: Body, max_output: int) -> None:
    """Keep the thinking budget below a lowered output limit; the provider would refuse it."""
    for name, field in (("thinking", "budget_tokens"), ("reasoning", "max_tokens")):
        settings = body.get(name)
        if not isinstance(settings, dict):
            continue
        budget = settings.get(field)
        if not isinstance(budget, int) or budget < max_output:
            continue
        rest = {key: value for key, value in settings.items() if key != field}
        if max_output > _LEAST_THINKING:
            body[name] = {**rest, field: max(max_output * 3 // 4, _LEAST_THINKING)}
        else:
            body[name] = {"type": "disabled"} if name == "thinking" else {**rest, "effort": "low"}


def _require_messages(body: Body) -> None:
    messages = _typed(body, "messages", list, required=True)
    if set(map(type, messages)) != {dict}:
        raise InvalidRequest("messages must be a non-empty list of objects.", param="messages")


def _chat(body: Body) -> dict[str, Any]:
    _require_messages(body)
    choices = _whole(body, "n", at_most=_MOST_CHOICES) or 1
    limits = [limit for name in CHAT.limits if (limit := _whole(body, name)) is not None]
    return {
        "choices": choices,
        "drafts": choices,
        "max_output": min(limits, default=None),
        "prompt": prompt_size(body),
    }


def _completion(body: Body) -> dict[str, Any]:
    prompts = inputs.read(body, "prompt")
    choices = _whole(body, "n", at_most=_MOST_CHOICES) or 1
    drafts = max(choices, _whole(body, "best_of", at_most=_MOST_DRAFTS) or 1)
    size = inputs.size(prompts, _typed(body, "suffix", str))
    limit = _whole(body, "max_tokens", at_least=0)
    return {
        "choices": choices * len(prompts),
        "drafts": drafts * len(prompts),
        "max_output": _SHORT if limit is None else limit,
        "prompt": size,
        "echoed": size.likely * choices if _typed(body, "echo", bool) else 0,
    }


def _embedding(body: Body) -> dict[str, Any]:
    if body.get("stream"):
        raise InvalidRequest("Embeddings cannot be streamed.", param="stream")
    size = inputs.size(inputs.read(body, "input"))
    return {"choices": 1, "max_output": 0, "prompt": size}


def _messages(body: Body) -> dict[str, Any]:
    limit = _whole(body, "max_tokens")
    if limit is None:
        raise InvalidRequest("max_tokens is required: send a whole number.", param="max_tokens")
    return {**_counted(body), "max_output": limit}


def _counted(body: Body) -> dict[str, Any]:
    _require_messages(body)
    return {"choices": 1, "max_output": None, "prompt": prompt_size(body, _READ["messages"])}


def _responses(body: Body) -> dict[str, Any]:
    refuse_stored(body)
    given = body.get("input")
    if not isinstance(given, str | list) or not given:
        raise InvalidRequest("input is required: send a string or a list of items.", param="input")
    return {
        "choices": 1,
        "max_output": _whole(body, "max_output_tokens"),
        "prompt": prompt_size(body, _READ["responses"]),
    }


# The fields of a request that the model reads.
_READ = {
    "messages": ("system", "messages", "tools", "output_config", "output_format"),
    "responses": ("instructions", "input", "tools", "text"),
}

CHAT = Endpoint(
    "chat/completions",
    "chat",
    "messages",
    "choices",
    ("max_tokens", "max_completion_tokens"),
    _chat,
)
COMPLETIONS = Endpoint("completions", "chat", "prompt", "choices", ("max_tokens",), _completion)
EMBEDDINGS = Endpoint("embeddings", "embedding", "input", "data", (), _embedding)
MESSAGES = Endpoint(
    "messages", "chat", "messages", "content", ("max_tokens",), _messages, dialect="messages"
)
COUNT_TOKENS = Endpoint(
    "messages/count_tokens", "chat", "messages", "", (), _counted, dialect="messages"
)
RESPONSES = Endpoint(
    "responses",
    "chat",
    "input",
    "output",
    ("max_output_tokens",),
    _responses,
    dialect="responses",
)


def _object(raw: bytes) -> tuple[Body, Callable[[Any], bytes]]:
    """Parse a JSON object. Also returns the function that serializes it without loss."""
    size = len(raw)
    has_many_parts = size > _MOST_PARTS and raw.count(b"[") + raw.count(b"{") > _MOST_PARTS
    if has_many_parts or (size > _MOST_COMMAS and raw.count(b",") > _MOST_COMMAS):
        raise InvalidRequest("The body has too many parts.")
    try:
        body, encode = _parsed(raw)
    except (orjson.JSONEncodeError, RecursionError) as error:
        raise InvalidRequest("The body is nested too deeply.") from error
    except ValueError as error:
        raise InvalidRequest(f"The body is not valid JSON: {error}.") from error
    if not isinstance(body, dict):
        raise InvalidRequest("The body must be a JSON object.")
    if "models" in body:  # OpenRouter could use one without our plan and price.
        raise InvalidRequest("models is not supported: send one model in `model`.", param="models")
    return body, encode


def _parsed(raw: bytes) -> tuple[Any, Callable[[Any], bytes]]:
    """Parse what can also be serialized again, for the provider. Raises what the parsers raise."""
    body = orjson.loads(raw)
    if raw.translate(_DIGITS).find(_LONG) >= 0:  # orjson would turn it into a float.
        if raw.count(b",") > _MOST_COMMAS_BESIDE_LONG:
            raise InvalidRequest("The body has too many parts for one with such a long number.")
        body = json.loads(raw)
        _dumps_long(body)
        return body, _dumps_long
    if raw.count(b"[") + raw.count(b"{") > _SURELY_SHALLOW:
        orjson.dumps(body)
    return body, orjson.dumps


# Integers of 19 digits and more may exceed 64 bits.
_DIGITS = bytes.maketrans(b"123456789", b"000000000")
_LONG = b"0" * 19


def _dumps_long(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _typed(body: Body, name: str, kind: type, *, required: bool = False) -> Any:
    value = body.get(name)
    if value is None and not required:
        return None
    if not isinstance(value, kind):
        missing = "is required" if value is None else "has the wrong type"
        raise InvalidRequest(f"{name} {missing}: send {_SPOKEN[kind]}.", param=name)
    return value


def _whole(body: Body, name: str, *, at_least: int = 1, at_most: int = 2**53) -> int | None:
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not at_least <= value <= at_most:
        raise InvalidRequest(
            f"{name} must be a whole number from {at_least} to {at_most}.", param=name
        )
    return value


_SPOKEN = {str: "a string", list: "a list", dict: "an object", bool: "true or false"}
