"""Translating a chat answer to an answer of Messages."""

from typing import Any

from llmproxy.protocol.dialects import counts, reasoning
from llmproxy.protocol.dialects.base import Reply, choice_of, part
from llmproxy.protocol.dialects.blocks import Block, blocks_of, object_in

Json = dict[str, Any]

_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "content_filter": "refusal",
}


def answer_of(chat: Json, reply: Reply, stops: tuple[str, ...]) -> Json:
    """Translate a whole answer."""
    choice = choice_of(chat)
    blocks = blocks_of(part(choice, "message"))
    return {
        **opening(chat, reply),
        "content": [content_block(block, reply) for block in blocks],
        **ending(choice, blocks, stops),
        "usage": usage_of(counts.of_chat(chat), reply),
    }


def opening(chat: Json, reply: Reply) -> Json:
    """Return the message without content that begins a stream."""
    model = chat.get("model")
    return {
        "id": f"msg_{reply.id}",
        "type": "message",
        "role": "assistant",
        "model": model if isinstance(model, str) and model else reply.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "stop_details": None,
        "usage": usage_of(None, reply),
    }


def ending(choice: Json, blocks: list[Block], stops: tuple[str, ...]) -> Json:
    """Return the reason why the answer ended."""
    reason, stopped_by = choice.get("finish_reason"), _stopped_by(choice, stops)
    if reason not in ("length", "content_filter") and any(one.kind == "call" for one in blocks):
        stop_reason = "tool_use"  # Some providers say "stop" after calls.
    elif any(block.kind == "refusal" for block in blocks):
        stop_reason = "refusal"
    elif stopped_by is not None:
        stop_reason = "stop_sequence"
    else:
        stop_reason = _REASONS.get(str(reason), "end_turn")
    refused = {"type": "refusal", "category": None, "explanation": None}
    return {
        "stop_reason": stop_reason,
        "stop_sequence": stopped_by if stop_reason == "stop_sequence" else None,
        "stop_details": refused if stop_reason == "refusal" else None,
    }


def _stopped_by(choice: Json, stops: tuple[str, ...]) -> str | None:
    """Return the stop sequence that ended the answer, if reported (vLLM, OpenRouter)."""
    stop_reason = choice.get("stop_reason")
    if isinstance(stop_reason, str) and stop_reason in stops:
        return stop_reason
    met = choice.get("native_finish_reason") == "stop_sequence"
    return stops[0] if met and len(stops) == 1 else None


def usage_of(used: counts.Counts | None, reply: Reply) -> Json:
    """Return the usage. Its prompt excludes tokens read from or written to the cache."""
    if used is None:
        used = counts.Counts(reply.prompt_tokens, 0, 0, 0, 0)
    return {
        "input_tokens": used.prompt - used.cache_read - used.cache_write,
        "cache_creation_input_tokens": used.cache_write,
        "cache_read_input_tokens": used.cache_read,
        "output_tokens": used.completion,
        "output_tokens_details": {"thinking_tokens": used.reasoning},
    }


def content_block(block: Block, reply: Reply) -> Json:
    """Return a whole block."""
    empty = empty_block(block, reply)
    if block.kind == "call":
        return {**empty, "input": _input(block.text)}
    if empty["type"] == "thinking":
        return {**empty, "thinking": block.text, "signature": signature(block)}
    return empty if empty["type"] == "redacted_thinking" else {**empty, "text": block.text}


def empty_block(block: Block, reply: Reply) -> Json:
    """Return the block that opens in a stream."""
    if block.kind == "call":
        call_id = block.id or f"toolu_{reply.id}_{block.index}"
        return {"type": "tool_use", "id": call_id, "name": block.name, "input": {}}
    if block.kind != "reasoning":
        return {"type": "text", "text": ""}
    if block.detail.get("type") == "reasoning.encrypted":
        plain = reasoning.is_anthropic(block.detail)
        data = block.detail.get("data") if plain else reasoning.pack(block.detail)
        return {"type": "redacted_thinking", "data": data if isinstance(data, str) else ""}
    return {"type": "thinking", "thinking": "", "signature": ""}


def signature(block: Block) -> str:
    """Return the signature by which the provider verifies the thinking in a later request."""
    detail = block.detail
    if not detail or reasoning.is_plain(detail):
        return ""
    if not reasoning.is_anthropic(detail):
        return reasoning.pack(detail)
    given = detail.get("signature")
    return given if isinstance(given, str) else ""


def _input(arguments: str) -> Json:
    """Parse a call's arguments. If they are not a JSON object, the text is passed on."""
    if not arguments.strip():
        return {}
    found = object_in(arguments)
    return {"arguments": arguments} if found is None else found
