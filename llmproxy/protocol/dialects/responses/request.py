"""Translating a request of Responses to chat completions."""

from typing import Any

from core.errors import InvalidRequest
from llmproxy.protocol.dialects.conversation import Conversation
from llmproxy.protocol.dialects.fields import Fields, Scope, fields_of
from llmproxy.protocol.dialects.responses import stored
from llmproxy.protocol.dialects.responses.items import add_item
from llmproxy.protocol.dialects.responses.tools import ToolNames, tool_choice, tools_of
from llmproxy.protocol.dialects.unknown import unknown_fields

Json = dict[str, Any]

ENCRYPTED = "reasoning.encrypted_content"

# Chat completions have these under the same names.
_KEPT = (
    "model",
    "temperature",
    "top_p",
    "stream",
    "user",
    "safety_identifier",
    "service_tier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "prompt_cache_options",
)
_HOSTED = ("prompt", "context_management", "moderation", "top_logprobs")


def translate(request: Json, scope: Scope, names: ToolNames) -> Json:
    """Translate a whole request, and add its tools to ``names``."""
    fields = Fields(request, "", scope)
    fields.refuse_any(stored.FIELDS, stored.REASON)
    fields.refuse_any(_HOSTED, "this has no equivalent in chat completions.")
    tools = tools_of(fields, names)
    chat: Json = {"messages": _conversation(fields).messages, **fields.keep(*_KEPT)}
    if (limit := fields.take("max_output_tokens", int)) is not None:
        chat[scope.target.limit] = limit
    chat |= _tools(fields, tools) | _text(fields) | _reasoning(fields)
    _include(fields)
    fields.accept("truncation", "disabled", reason="truncation of the input is not supported.")
    fields.skip("max_tool_calls")  # It limits only the calls of hosted tools.
    if options := fields.object("stream_options"):
        options.accept("include_obfuscation", False, reason="obfuscation is not supported.")
        options.done()
    if not scope.target.metadata:
        fields.skip("metadata")  # The answer repeats it, which is its purpose.
        fields.omit("client_metadata")
    return unknown_fields(fields, chat)


def _conversation(fields: Fields) -> Conversation:
    conversation = Conversation()
    if instructions := fields.take("instructions", str):
        conversation.say("system", instructions)
    given = fields.need("input", str, list)
    if isinstance(given, str):
        conversation.say("user", given)
    else:
        for item in fields_of(given, "input", fields.scope):
            add_item(item, conversation)
    if not conversation.messages:
        raise InvalidRequest("input must not be empty.", param="input")
    return conversation


def _tools(fields: Fields, tools: list[Json]) -> Json:
    choice, parallel = tool_choice(fields), fields.take("parallel_tool_calls", bool)
    if not tools:  # Chat completions accept none of the other fields then.
        if choice not in (None, "auto", "none"):
            fields.refuse("tool_choice", "the request has no tools.")
        return {}
    chat: Json = {"tools": tools}
    if choice is not None:
        chat["tool_choice"] = choice
    if parallel is not None:
        chat["parallel_tool_calls"] = parallel
    return chat


def _text(fields: Fields) -> Json:
    text = fields.object("text")
    if text is None:
        return {}
    chat = text.keep("verbosity")
    if shape := text.object("format"):
        kind = shape.need("type", str)
        if kind == "json_schema":
            schema = {"name": shape.need("name", str), "schema": shape.need("schema", dict)}
            schema |= shape.keep("strict", "description")
            chat["response_format"] = {"type": kind, "json_schema": schema}
        elif kind == "json_object":
            chat["response_format"] = {"type": kind}
        elif kind != "text":
            shape.refuse("type", "send text, json_object or json_schema.")
        shape.done()
    text.done()
    return chat


def _reasoning(fields: Fields) -> Json:
    settings = fields.object("reasoning")
    if settings is None:
        return {}
    if fields.scope.target.reasoning == "details":
        summary = settings.take("generate_summary", str)  # the former name of `summary`
        kept = ({"summary": summary} if summary else {}) | settings.rest()
        return {"reasoning": kept} if kept else {}
    effort = settings.take("effort", str)
    settings.omit("summary", "generate_summary")
    settings.accept("context", "auto")
    settings.accept("mode", "standard")
    settings.done()
    return {"reasoning_effort": effort} if effort else {}


def _include(fields: Fields) -> None:
    for position, name in enumerate(fields.take("include", list) or []):
        if name != ENCRYPTED:
            fields.refuse(f"include.{position}", f"{name!r} is not supported.")
