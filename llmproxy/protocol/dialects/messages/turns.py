"""Translating the turns of a conversation in Messages to chat messages."""

from typing import Any

from core.errors import InvalidRequest
from llmproxy.protocol.dialects import reasoning
from llmproxy.protocol.dialects.conversation import Conversation, content
from llmproxy.protocol.dialects.fields import Fields, fields_of
from llmproxy.protocol.dialects.messages.content import block_parts, parts
from llmproxy.protocol.parsing import dumps

Json = dict[str, Any]


def add_turn(turn: Fields, conversation: Conversation) -> None:
    """Add one turn of the user, the assistant or (between turns) the system."""
    role = turn.need("role", str)
    content_parts = turn.need("content", str, list)
    path = turn.at("content")
    turn.done()
    if role == "system":
        conversation.say("system", parts(content_parts, path, turn.scope))
    elif role not in ("user", "assistant"):
        raise InvalidRequest("A role must be user or assistant.", param=turn.at("role"))
    else:
        blocks = (
            content_parts
            if isinstance(content_parts, list)
            else [{"type": "text", "text": content_parts}]
        )
        add = _add_user if role == "user" else _add_assistant
        add(list(fields_of(blocks, path, turn.scope)), conversation)


def _add_user(blocks: list[Fields], conversation: Conversation) -> None:
    """Add the results of tools, and then the user's other content."""
    content_parts: list[Json] = []
    results = False
    for block in blocks:
        if block.peek("type") == "tool_result":
            _add_result(block, conversation)
            results = True
        else:
            content_parts += block_parts(block)
    if content_parts or not results:
        conversation.say("user", content_parts)


def _add_result(block: Fields, conversation: Conversation) -> None:
    block.skip("type")
    call_id = block.need("tool_use_id", str)
    result = block.take("content", str, list)
    found = parts(result, block.at("content"), block.scope) if result else []
    if block.take("is_error", bool):
        found = [{"type": "text", "text": "The tool failed:"}, *found]
    if cached := block.cache_control():
        found = found or [{"type": "text", "text": ""}]
        found[-1] |= cached
    block.done()
    conversation.result(call_id, found)


def _add_assistant(blocks: list[Fields], conversation: Conversation) -> None:
    message = conversation.assistant(anew=True)
    content_parts: list[Json] = []
    for block in blocks:
        kind = block.peek("type")
        if kind == "tool_use":
            conversation.call(message, _call(block))
        elif kind == "thinking":
            _add_thinking(block, message)
        elif kind == "redacted_thinking":
            _add_redacted(block, message)
        else:
            content_parts += block_parts(block)
    if content_parts or not message.get("tool_calls"):
        message["content"] = content(content_parts)


def _call(block: Fields) -> Json:
    block.skip("type")
    if caller := block.object("caller"):
        caller.accept("type", "direct", reason="only the model can call a tool.")
        caller.done()
    arguments = dumps(block.need("input", dict)).decode()
    function = {"name": block.need("name", str), "arguments": arguments}
    call = {"id": block.need("id", str), "type": "function", "function": function}
    call |= block.cache_control()
    block.done()
    return call


def _add_thinking(block: Fields, message: Json) -> None:
    block.skip("type")
    text = block.take("thinking", str) or ""
    if block.scope.target.reasoning == "content":
        block.omit("signature")
        reasoning.add_plain(message, text)
    else:
        reasoning.add_detail(message, _detail(text, block.take("signature", str) or ""))
    block.done()


def _detail(text: str, signature: str) -> Json:
    packed = reasoning.unpack(signature)
    if packed is not None:
        return reasoning.with_text(packed, text)
    detail = {"type": "reasoning.text", "text": text}
    if signature:
        detail |= {"signature": signature, "format": reasoning.ANTHROPIC}
    return detail


def _add_redacted(block: Fields, message: Json) -> None:
    block.skip("type")
    if block.scope.target.reasoning == "content":
        block.omit("data")
    else:
        data = block.need("data", str)
        plain = {"type": "reasoning.encrypted", "data": data, "format": reasoning.ANTHROPIC}
        reasoning.add_detail(message, reasoning.unpack(data) or plain)
    block.done()
