"""Translating a request of Messages to chat completions."""

from typing import Any

from core.errors import InvalidRequest
from llmproxy.protocol.dialects.conversation import Conversation
from llmproxy.protocol.dialects.fields import Fields, Scope
from llmproxy.protocol.dialects.messages.content import parts
from llmproxy.protocol.dialects.messages.tools import tool_choice, tool_of
from llmproxy.protocol.dialects.messages.turns import add_turn
from llmproxy.protocol.dialects.unknown import unknown_fields

Json = dict[str, Any]

_KEPT = ("model", "temperature", "top_p", "top_k", "stream")
_NEEDS_ANTHROPIC = ("container", "mcp_servers", "inference_geo", "user_profile_id", "fallbacks")
_TIERS = {"auto": "auto", "standard_only": "default"}


def translate(request: Json, scope: Scope, *, counting: bool = False) -> Json:
    """Translate a whole request. ``counting``: only its prompt is needed."""
    fields = Fields(request, "", scope)
    conversation = _conversation(fields)
    chat: Json = {"messages": conversation.messages, **fields.keep(*_KEPT)}
    limit = fields.take("max_tokens", int)
    if limit is not None:
        chat[scope.target.limit] = limit
    elif not counting:
        raise InvalidRequest("max_tokens is required.", param="max_tokens")
    chat |= _tools(fields)
    if stops := fields.take("stop_sequences", list):
        chat["stop"] = stops
    if (tier := fields.take("service_tier", str)) is not None:
        chat["service_tier"] = _TIERS.get(tier, tier)
    chat |= _metadata(fields)
    chat |= _thinking(fields)
    chat |= fields.cache_control()
    _context_management(fields)
    fields.refuse_any(_NEEDS_ANTHROPIC, "only Anthropic's own servers support this.")
    return unknown_fields(fields, chat)


def _conversation(fields: Fields) -> Conversation:
    conversation = Conversation()
    system = fields.take("system", str, list)
    if system:
        conversation.say("system", parts(system, "system", fields.scope))
    turns = fields.objects("messages")
    if not turns:
        raise InvalidRequest("messages must be a non-empty list.", param="messages")
    for turn in turns:
        add_turn(turn, conversation)
    return conversation


def _tools(fields: Fields) -> Json:
    tools = [tool for one in fields.objects("tools") if (tool := tool_of(one)) is not None]
    chat: Json = {"tools": tools} if tools else {}
    if choice := fields.object("tool_choice"):
        chat |= tool_choice(choice)
    return chat


def _metadata(fields: Fields) -> Json:
    metadata = fields.object("metadata")
    if metadata is None:
        return {}
    user = metadata.take("user_id", str)
    chat: Json = {} if user is None else {"user": user}
    if fields.scope.target.metadata and (rest := metadata.rest()):
        chat["metadata"] = rest
    metadata.done()
    return chat


def _thinking(fields: Fields) -> Json:
    """Translate the amount of thinking and the output's format."""
    config = fields.object("output_config")
    effort = config.take("effort", str) if config else None
    chat = _shape(fields, config)
    if config:
        config.done()
    thinking = fields.object("thinking")
    settings = _settings(thinking) if thinking else {}
    if fields.scope.target.reasoning == "content":
        effort = effort or _effort(settings.get("max_tokens"))
        return chat | ({"reasoning_effort": effort} if effort else {})
    if effort and settings.get("enabled", not settings):
        settings["effort"] = effort
    elif effort:  # OpenRouter accepts it beside a budget only under this name.
        chat["verbosity"] = effort
    return chat | ({"reasoning": settings} if settings else {})


def _shape(fields: Fields, config: Fields | None) -> Json:
    """Translate the schema of the output, under its current name or its beta's."""
    shapes = [config.object("format") if config else None, fields.object("output_format")]
    found = [shape for shape in shapes if shape is not None]
    if len(found) > 1:
        found[1].refuse("", "send output_config.format only.")
    for shape in found:
        shape.accept("type", "json_schema")
        schema = {"name": "output", "schema": shape.need("schema", dict), "strict": True}
        shape.done()
        return {"response_format": {"type": "json_schema", "json_schema": schema}}
    return {}


def _settings(thinking: Fields) -> Json:
    """Return OpenRouter's equivalent of ``thinking``."""
    kind = thinking.need("type", str)
    settings: Json = {}
    if kind == "enabled":
        settings["max_tokens"] = thinking.need("budget_tokens", int)
    elif kind in ("adaptive", "disabled"):
        settings["enabled"] = kind == "adaptive"
    else:
        thinking.refuse("type", "send enabled, adaptive or disabled.")
    if thinking.peek("display") == "omitted":
        if thinking.scope.target.reasoning == "details":
            settings["exclude"] = True
            thinking.skip("display")
        else:
            thinking.omit("display")
    thinking.accept("display", "summarized")
    thinking.done()
    return settings


def _effort(budget: int | None) -> str | None:
    """Return the effort that is nearest to a budget of tokens, for targets without budgets."""
    if budget is None:
        return None
    return "low" if budget <= 4_096 else "medium" if budget <= 16_384 else "high"


def _context_management(fields: Fields) -> None:
    """Accept edits without effect: thinking is kept anyway."""
    management = fields.object("context_management")
    if management is None:
        return
    for edit in management.objects("edits"):
        edit.accept("type", "clear_thinking_20251015", reason="context editing is not supported.")
        edit.accept("keep", "all", reason="context editing is not supported.")
        edit.done()
    management.done()
