"""Translating tools of Responses to functions of chat completions.

A custom tool takes free text. If the provider has no custom tools, it becomes a function of one
string. The tools of a namespace get its name as a prefix. ``ToolNames`` has the original names.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from llmproxy.protocol.dialects.blocks import object_in
from llmproxy.protocol.dialects.fields import Fields
from llmproxy.protocol.parsing import dumps

Json = dict[str, Any]

_INPUT = "input"


class ToolName(NamedTuple):
    name: str
    namespace: str | None = None
    custom: bool = False


@dataclass
class ToolNames:
    """The tools of a request by their names in chat completions."""

    by_chat: dict[str, ToolName] = field(default_factory=dict)

    def add(self, tool: ToolName) -> str | None:
        """Return the name for chat completions; None if another tool has it."""
        chat = chat_name(tool.name, tool.namespace)
        if self.by_chat.get(chat, tool) != tool:
            return None
        self.by_chat[chat] = tool
        return chat

    def of(self, chat: str) -> ToolName:
        return self.by_chat.get(chat, ToolName(chat))


def chat_name(name: str, namespace: str | None) -> str:
    if not namespace:
        return name
    return f"{namespace}{name}" if namespace.endswith("__") else f"{namespace}__{name}"


def tools_of(fields: Fields, names: ToolNames) -> list[Json]:
    """Translate the tools of a request."""
    return [chat for tool in fields.objects("tools") for chat in _tool(tool, names)]


def _tool(tool: Fields, names: ToolNames) -> list[Json]:
    kind = tool.need("type", str)
    if kind == "namespace":
        return _namespace(tool, names)
    if kind in ("function", "custom"):
        return [_own(tool, kind, names, None)]
    if tool.scope.target.hosted_tools == "refuse":
        reason = f"the tool {kind!r} is not supported: use functions or custom tools."
        tool.refuse("type", reason)
    tool.scope.omitted.append(tool.path)
    return []


def _namespace(space: Fields, names: ToolNames) -> list[Json]:
    """Translate a namespace. Its description is added to that of its first tool."""
    name, about = space.need("name", str), space.take("description", str)
    found = [_own(tool, tool.need("type", str), names, name) for tool in space.objects("tools")]
    if not found:
        space.refuse("tools", "it must not be empty.")
    space.done()
    definition = found[0].get("function") or found[0]["custom"]
    if about:
        definition["description"] = "\n\n".join(
            filter(None, (about, definition.get("description")))
        )
    return found


def _own(tool: Fields, kind: str, names: ToolNames, namespace: str | None) -> Json:
    """Translate a tool that the client runs itself."""
    custom = kind == "custom"
    if not custom and kind != "function":
        tool.refuse("type", f"the tool {kind!r} is not supported.")
    given = tool.need("name", str)
    name = names.add(ToolName(given, namespace, custom))
    if name is None:
        tool.refuse("name", "another tool has this name.")
    tool.accept("defer_loading", False, reason="tool search is not supported.")
    tool.accept("async", False, reason="background tool calls are not supported.")
    tool.accept("allowed_callers", ["direct"], reason="only the model can call a tool.")
    if custom and tool.scope.target.custom_tools:
        return _custom(tool, name)
    definition: Json = {"name": name}
    if custom:
        definition = _as_function(tool, definition)
    else:
        definition["parameters"] = tool.take("parameters", dict) or {
            "type": "object",
            "properties": {},
        }
    cached = tool.cache_control()
    return {"type": "function", "function": definition | tool.rest(), **cached}


def _custom(tool: Fields, name: str) -> Json:
    definition: Json = {"name": name}
    if shape := tool.object("format"):
        if shape.need("type", str) == "grammar":
            grammar = {key: shape.need(key, str) for key in ("syntax", "definition")}
            definition["format"] = {"type": "grammar", "grammar": grammar}
        else:
            definition["format"] = {"type": "text"}
        shape.done()
    return {"type": "custom", "custom": definition | tool.rest()}


def _as_function(tool: Fields, definition: Json) -> Json:
    """Describe a custom tool as a function of one string. Its description has the grammar."""
    about = "The tool's whole input, as plain text."
    if shape := tool.object("format"):
        if shape.need("type", str) == "grammar":
            syntax, grammar = shape.need("syntax", str), shape.need("definition", str)
            about = f"{about} It must match this {syntax} grammar:\n{grammar}"
        shape.done()
    schema = {
        "type": "object",
        "properties": {_INPUT: {"type": "string", "description": about}},
        "required": [_INPUT],
        "additionalProperties": False,
    }
    return {**definition, "parameters": schema}


def tool_choice(fields: Fields) -> Any:
    """Translate the choice of tools; None if the request has none."""
    value = fields.peek("tool_choice")
    if value is None or isinstance(value, str):
        return fields.take("tool_choice")
    choice = fields.object("tool_choice")
    assert choice is not None
    kind = choice.need("type", str)
    if kind in ("function", "custom"):
        found = _named(choice, kind)
    elif kind == "allowed_tools":
        tools = [_named(one, one.need("type", str)) for one in choice.objects("tools")]
        allowed = {"mode": choice.need("mode", str), "tools": tools}
        found = {"type": "allowed_tools", "allowed_tools": allowed}
    else:
        choice.refuse("type", f"the tool {kind!r} is not supported.")
    choice.done()
    return found


def _named(one: Fields, kind: str) -> Json:
    """Return one tool as a choice. Without custom tools, a custom tool is a function."""
    if kind not in ("function", "custom"):
        one.refuse("type", f"the tool {kind!r} is not supported.")
    name = chat_name(one.need("name", str), one.take("namespace", str))
    shape = "custom" if kind == "custom" and one.scope.target.custom_tools else "function"
    one.done()
    return {"type": shape, shape: {"name": name}}


def call_of(call: Fields, *, custom: bool) -> Json:
    """Translate a call of an earlier turn."""
    name = chat_name(call.need("name", str), call.take("namespace", str))
    call_id = call.need("call_id", str)
    if not custom:
        function = {"name": name, "arguments": call.need("arguments", str)}
        return {"id": call_id, "type": "function", "function": function}
    text = call.need("input", str)
    if call.scope.target.custom_tools:
        return {"id": call_id, "type": "custom", "custom": {"name": name, "input": text}}
    arguments = dumps({_INPUT: text}).decode()
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def custom_input(text: str) -> str:
    """Return a custom tool's input from the arguments of the function that replaces it."""
    arguments = object_in(text)
    if arguments is None:
        return text
    given = arguments.get(_INPUT)
    if given is None and len(arguments) == 1:  # Models trained on the tool may use another name.
        (given,) = arguments.values()
    return given if isinstance(given, str) else text
