"""Requests of Messages and Responses, as the chat request that the demo answers.

Only what the demo looks at is read: texts, pictures, calls and their results, tools, limits.
"""

from collections.abc import Iterator
from typing import Any

import orjson

from devserver.upstream.errors import ApiError

Json = dict[str, Any]


def of_messages(body: Json) -> Json:
    """Read a request of Messages."""
    if not isinstance(body.get("max_tokens"), int):
        raise ApiError(400, "max_tokens: Field required", param="max_tokens")
    system = [{"role": "system", "content": _text(body["system"])}] if body.get("system") else []
    turns = [one for turn in body.get("messages") or [] for one in _turn(turn)]
    tools = [_tool(tool, "input_schema") for tool in body.get("tools") or []]
    choice = body.get("tool_choice") or {}
    kinds = {"any": "required", "none": "none", "tool": _function(choice.get("name"))}
    return _without_nothing(
        {
            "model": body.get("model"),
            "messages": [*system, *turns],
            "max_tokens": body["max_tokens"],
            "stop": body.get("stop_sequences"),
            "stream": body.get("stream"),
            "tools": tools or None,
            "tool_choice": kinds.get(str(choice.get("type"))) if tools else None,
            "response_format": (body.get("output_config") or {}).get("format"),
        }
    )


def of_responses(body: Json) -> Json:
    """Read a request of Responses."""
    given = body.get("input")
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given or []
    about = body.get("instructions")
    system = [{"role": "system", "content": about}] if about else []
    tools = [_tool(tool, "parameters") for tool in body.get("tools") or [] if "name" in tool]
    choice = body.get("tool_choice")
    named = _function(choice.get("name")) if isinstance(choice, dict) else choice
    return _without_nothing(
        {
            "model": body.get("model"),
            "messages": [*system, *map(_item, items)],
            "max_completion_tokens": body.get("max_output_tokens"),
            "stream": body.get("stream"),
            "tools": tools or None,
            "tool_choice": named if tools else None,
            "response_format": (body.get("text") or {}).get("format"),
        }
    )


def _without_nothing(body: Json) -> Json:
    return {key: value for key, value in body.items() if value is not None}


def _function(name: Any) -> Json:
    return {"type": "function", "function": {"name": name}}


def _tool(tool: Json, schema: str) -> Json:
    free = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
    function = {"name": tool.get("name"), "parameters": tool.get(schema) or free}
    return {"type": "function", "function": function}


def _turn(turn: Json) -> Iterator[Json]:
    blocks = turn.get("content")
    blocks = [{"type": "text", "text": blocks}] if isinstance(blocks, str) else blocks or []
    calls = [block for block in blocks if block.get("type") == "tool_use"]
    for block in blocks:
        if block.get("type") == "tool_result":
            yield {"role": "tool", "content": _text(block.get("content") or "")}
    content = [
        _part(block) for block in blocks if block.get("type") in ("text", "image", "document")
    ]
    if content or calls:
        message: Json = {"role": turn.get("role"), "content": content}
        yield message | ({"tool_calls": calls} if calls else {})


def _item(item: Json) -> Json:
    kind = item.get("type", "message")
    if kind in ("function_call_output", "custom_tool_call_output"):
        output = item.get("output")
        return {"role": "tool", "content": output if isinstance(output, str) else _text(output)}
    if kind == "message":
        parts = item.get("content")
        content = parts if isinstance(parts, str) else [_part(part) for part in parts or []]
        return {"role": item.get("role"), "content": content}
    return {"role": "assistant", "content": "", "tool_calls": [item]}


def _part(block: Json) -> Json:
    text = block.get("text")
    if isinstance(text, str):
        return {"type": "text", "text": text}
    return {"type": "image_url"}


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    texts = [part.get("text") for part in value or [] if isinstance(part, dict)]
    return " ".join(text for text in texts if isinstance(text, str)) or orjson.dumps(value).decode()
