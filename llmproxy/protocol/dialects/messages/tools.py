"""Translating tools of Messages to functions of chat completions."""

from typing import Any

from llmproxy.protocol.dialects.fields import Fields

Json = dict[str, Any]

# Claude Code stops using the beta that an error names, and sends all of its tools.
_NO_SEARCH = (
    "tool search is not supported. Leave out advanced-tool-use-2025-11-20 (anthropic-beta), and"
    " send all tools."
)


def tool_of(tool: Fields) -> Json | None:
    """Translate one tool. Anthropic's own tools run on its servers, or only Claude knows them."""
    kind = tool.take("type", str) or "custom"
    if kind != "custom":
        if tool.scope.target.hosted_tools == "omit":
            tool.scope.omitted.append(tool.path)
            return None
        tool.refuse("type", f"the tool {kind!r} is not supported: send an input_schema instead.")
    function: Json = {"name": tool.need("name", str)}
    if description := tool.take("description", str):
        function["description"] = description
    function["parameters"] = tool.need("input_schema", dict)
    tool.accept("defer_loading", False, reason=_NO_SEARCH)
    tool.accept("allowed_callers", ["direct"], reason="only the model can call a tool.")
    tool.skip("eager_input_streaming")  # A translated stream is never buffered.
    cached = tool.cache_control()
    return {"type": "function", "function": function | tool.rest(), **cached}


def tool_choice(choice: Fields) -> Json:
    """Translate the choice of tools, and whether parallel calls are allowed."""
    kind = choice.need("type", str)
    chat: Json = {}
    if (single := choice.take("disable_parallel_tool_use", bool)) is not None:
        chat["parallel_tool_calls"] = not single
    if kind == "tool":
        name = choice.need("name", str)
        chat["tool_choice"] = {"type": "function", "function": {"name": name}}
    elif kind in _CHOICES:
        chat["tool_choice"] = _CHOICES[kind]
    else:
        choice.refuse("type", "send auto, any, tool or none.")
    choice.done()
    return chat


_CHOICES = {"auto": "auto", "any": "required", "none": "none"}
