"""Response bodies in OpenAI's current shapes: chat, legacy text, embeddings.

A shape turns a plan into one JSON answer, or into the ``choices`` of a stream's chunks.
"""

import base64
import hashlib
import math
from array import array
from typing import Any, Protocol

from devserver.upstream import usage
from devserver.upstream.generation import Plan, Token

_FINGERPRINT = "fp_demo000001"
_NO_CHOICE: dict[str, Any] = {"logprobs": None, "finish_reason": None}


class Shape(Protocol):
    """One JSON answer. ``identity`` is its id, creation time and model."""

    prefix: str  # of the ids

    def answer(self, plan: Plan, identity: dict[str, Any]) -> dict[str, Any]: ...

    def usage(self, plan: Plan, completion_tokens: int) -> dict[str, Any]: ...


class Chat:
    prefix = "chatcmpl-"
    chunk = "chat.completion.chunk"

    def opening(self, index: int) -> dict[str, Any]:
        delta = {"role": "assistant", "content": "", "refusal": None}
        return {"index": index, "delta": delta, **_NO_CHOICE}

    def token(self, index: int, token: Token) -> dict[str, Any]:
        return {"index": index, "delta": _DELTAS[token.kind](index, token.text), **_NO_CHOICE}

    def closing(self, index: int, finish: str) -> dict[str, Any]:
        return {"index": index, "delta": {}, "logprobs": None, "finish_reason": finish}

    def answer(self, plan: Plan, identity: dict[str, Any]) -> dict[str, Any]:
        choices = [_chat_choice(index, plan) for index in range(plan.choices)]
        return {**identity, "object": "chat.completion", "choices": choices, **_TAIL}

    def usage(self, plan: Plan, completion_tokens: int) -> dict[str, Any]:
        return usage.of_generation(plan, completion_tokens)


_TAIL = {"service_tier": "default", "system_fingerprint": _FINGERPRINT}
_DELTAS: dict[str, Any] = {
    "content": lambda _, text: {"content": text},
    "reasoning": lambda _, text: {"reasoning": text},
    "name": lambda index, text: {
        "tool_calls": [
            {
                "index": 0,
                "id": f"call_demo{index}",
                "type": "function",
                "function": {"name": text, "arguments": ""},
            }
        ]
    },
    "arguments": lambda _, text: {"tool_calls": [{"index": 0, "function": {"arguments": text}}]},
}


def _chat_choice(index: int, plan: Plan) -> dict[str, Any]:
    text = "".join(plan.content)
    message: dict[str, Any] = {
        "role": "assistant",
        "content": text if plan.tool is None else None,
        "refusal": None,
        "annotations": [],
    }
    if plan.reasoning:
        message["reasoning"] = "".join(plan.reasoning)
    if plan.tool is not None:
        function = {"name": plan.tool, "arguments": text}
        message["tool_calls"] = [
            {"id": f"call_demo{index}", "type": "function", "function": function}
        ]
    return {"index": index, "message": message, "logprobs": None, "finish_reason": plan.finish}


class Text:
    prefix = "cmpl-"
    chunk = "text_completion"

    def opening(self, index: int) -> None:
        return None

    def token(self, index: int, token: Token) -> dict[str, Any]:
        return {"text": token.text, "index": index, **_NO_CHOICE}

    def closing(self, index: int, finish: str) -> dict[str, Any]:
        return {"text": "", "index": index, "logprobs": None, "finish_reason": finish}

    def answer(self, plan: Plan, identity: dict[str, Any]) -> dict[str, Any]:
        text = "".join(plan.content)
        choices = [
            {"text": text, "index": index, "logprobs": None, "finish_reason": plan.finish}
            for index in range(plan.choices)
        ]
        return {**identity, "object": "text_completion", "choices": choices}

    def usage(self, plan: Plan, completion_tokens: int) -> dict[str, Any]:
        return usage.of_generation(plan, completion_tokens)


class Embeddings:
    """Vectors of unit length, the same for the same input."""

    prefix = "embd-"

    def __init__(self, inputs: list[Any], *, dimensions: int, encoding: str) -> None:
        vectors = [_vector(str(item), dimensions) for item in inputs]
        self._data = [
            {"object": "embedding", "index": index, "embedding": _encoded(vector, encoding)}
            for index, vector in enumerate(vectors)
        ]

    def answer(self, plan: Plan, identity: dict[str, Any]) -> dict[str, Any]:
        return {"object": "list", "data": self._data, "model": identity["model"]}

    def usage(self, plan: Plan, completion_tokens: int) -> dict[str, Any]:
        return usage.of_embedding(plan)


def _vector(text: str, dimensions: int) -> "array[float]":
    noise = array("h", hashlib.shake_256(text.encode()).digest(2 * dimensions))
    length = math.sqrt(sum(number * number for number in noise)) or 1.0
    return array("f", [number / length for number in noise])


def _encoded(vector: "array[float]", encoding: str) -> Any:
    if encoding == "base64":
        return base64.b64encode(vector.tobytes()).decode()
    return vector.tolist()


CHAT = Chat()
TEXT = Text()
