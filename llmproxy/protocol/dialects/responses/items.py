"""Translating the input items of Responses to chat messages."""

from collections.abc import Callable
from typing import Any

from core.errors import InvalidRequest
from llmproxy.protocol.dialects import reasoning
from llmproxy.protocol.dialects.conversation import Conversation, content
from llmproxy.protocol.dialects.fields import Fields
from llmproxy.protocol.dialects.responses.content import parts
from llmproxy.protocol.dialects.responses.tools import call_of

Json = dict[str, Any]

_ROLES = {"user": "user", "system": "system", "developer": "system"}


def add_item(item: Fields, conversation: Conversation) -> None:
    """Add one item. The items of one turn of the assistant become one message."""
    kind = item.take("type", str) or "message"
    add = _KINDS.get(kind)
    if add is None:
        item.refuse("type", f"items of type {kind!r} have no equivalent in chat completions.")
    item.skip("status")
    add(item, conversation)
    item.done()


def _message(item: Fields, conversation: Conversation) -> None:
    item.skip("id")
    item.omit("phase")
    role = item.need("role", str)
    written = parts(item.need("content", str, list), item.at("content"), item.scope)
    if role == "assistant":
        message = conversation.assistant()
        before = message["content"]
        if isinstance(before, str):
            before = [{"type": "text", "text": before}]
        message["content"] = content([*(before or []), *written])
    elif role in _ROLES:
        conversation.say(_ROLES[role], written)
    else:
        expected = "A role must be user, assistant, system or developer."
        raise InvalidRequest(expected, param=item.at("role"))


def _function_call(item: Fields, conversation: Conversation) -> None:
    _call(item, conversation, custom=False)


def _custom_call(item: Fields, conversation: Conversation) -> None:
    _call(item, conversation, custom=True)


def _call(item: Fields, conversation: Conversation, *, custom: bool) -> None:
    item.skip("id")
    item.accept("async", False, reason="background tool calls are not supported.")
    _direct(item)
    conversation.call(conversation.assistant(), call_of(item, custom=custom))


def _output(item: Fields, conversation: Conversation) -> None:
    item.skip("id", "name", "namespace")  # The call has them.
    _direct(item)
    call_id = item.need("call_id", str)
    if not conversation.knows(call_id):
        message = f"No call {call_id!r} comes before its output."
        raise InvalidRequest(message, param=item.at("call_id"))
    output = item.need("output", str, list)
    conversation.result(call_id, parts(output, item.at("output"), item.scope))


def _direct(item: Fields) -> None:
    if caller := item.object("caller"):
        caller.accept("type", "direct", reason="only the model can call a tool.")
        caller.done()


def _reasoning(item: Fields, conversation: Conversation) -> None:
    message = conversation.assistant()
    summary, written = _texts(item, "summary"), _texts(item, "content")
    if item.scope.target.reasoning == "content":
        item.skip("id")
        item.omit("encrypted_content")
        reasoning.add_plain(message, "\n\n".join(written or summary))
        return
    for detail in _details(item, summary, written):
        reasoning.add_detail(message, detail)


def _texts(item: Fields, name: str) -> list[str]:
    texts = []
    for one in item.objects(name):
        one.accept("type", "summary_text", "reasoning_text", "text")
        texts.append(one.need("text", str))
        one.done()
    return texts


def _details(item: Fields, summary: list[str], written: list[str]) -> list[Json]:
    """Return an item as entries of ``reasoning_details``."""
    encrypted, item_id = item.take("encrypted_content", str), item.take("id", str)
    packed = reasoning.unpack(encrypted) if encrypted else None
    if packed is not None:
        return [reasoning.with_text(packed, "\n\n".join(written or summary))]
    details: list[Json] = [{"type": "reasoning.summary", "summary": text} for text in summary]
    details += [{"type": "reasoning.text", "text": text} for text in written]
    if encrypted:
        made = {"id": item_id, "format": reasoning.OPENAI}
        details.append({"type": "reasoning.encrypted", "data": encrypted, **made})
    return details


_KINDS: dict[str, Callable[[Fields, Conversation], None]] = {
    "message": _message,
    "function_call": _function_call,
    "function_call_output": _output,
    "custom_tool_call": _custom_call,
    "custom_tool_call_output": _output,
    "reasoning": _reasoning,
}
