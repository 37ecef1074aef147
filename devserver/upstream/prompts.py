"""The texts of a request, and their number of prompt tokens.

A message costs four tokens beyond its text and the answer's priming three, as in OpenAI's own
chat format. Directives are text like any other and are counted. A picture is 85 tokens.
"""

from collections.abc import Iterator
from typing import Any

import orjson

from devserver.upstream.tokenizer import count

_PER_MESSAGE = 4
_PRIMING = 3
_PICTURE = 85


def chat_texts(messages: list[dict[str, Any]]) -> Iterator[str]:
    for message in messages:
        yield from _content_texts(message.get("content"))


def _content_texts(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        yield from (part["text"] for part in content if isinstance(part.get("text"), str))


def question(messages: list[dict[str, Any]]) -> str:
    """The text of the last user message."""
    for message in reversed(messages):
        if message.get("role") == "user":
            return " ".join(_content_texts(message.get("content")))
    return ""


def count_chat(body: dict[str, Any]) -> int:
    tokens = _PRIMING
    for message in body["messages"]:
        tokens += _PER_MESSAGE + _count_content(message.get("content"))
        if "tool_calls" in message:
            tokens += count(orjson.dumps(message["tool_calls"]).decode())
    if body.get("tools"):
        tokens += count(orjson.dumps(body["tools"]).decode())
    return tokens


def _count_content(content: Any) -> int:
    if isinstance(content, str):
        return count(content)
    texts = list(_content_texts(content))
    others = len(content) - len(texts) if isinstance(content, list) else 0
    return sum(map(count, texts)) + _PICTURE * others


def split_inputs(value: Any) -> list[Any]:
    """The prompts or inputs of a request: texts, or lists of token numbers."""
    if isinstance(value, str) or (value and isinstance(value[0], int)):
        return [value]
    return list(value)


def count_input(value: Any) -> int:
    return count(value) if isinstance(value, str) else len(value)
