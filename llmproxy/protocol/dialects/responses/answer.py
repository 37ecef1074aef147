"""Translating a chat answer to an answer of Responses."""

from typing import Any, Literal

from core.errors import ApiError
from llmproxy.protocol.dialects import counts, reasoning
from llmproxy.protocol.dialects.base import Reply, choice_of, part
from llmproxy.protocol.dialects.blocks import Block, blocks_of
from llmproxy.protocol.dialects.responses.errors import error_of
from llmproxy.protocol.dialects.responses.request import ENCRYPTED
from llmproxy.protocol.dialects.responses.tools import ToolNames, custom_input

Json = dict[str, Any]
Status = Literal["in_progress", "completed", "incomplete"]

_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}
# The fields of a request that its answer repeats, with the defaults for absent ones.
_ECHOED: Json = {
    "instructions": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "temperature": None,
    "tool_choice": "auto",
    "tools": [],
    "top_p": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "prompt_cache_key": None,
    "safety_identifier": None,
    "service_tier": None,
    "user": None,
    "truncation": "disabled",
}


class Renderer:
    """Builds the response object and its items for one request."""

    def __init__(self, request: Json, reply: Reply, names: ToolNames) -> None:
        self.reply = reply
        self._request = request
        self._names = names
        self._encrypts = ENCRYPTED in (request.get("include") or [])

    def answer(self, chat: Json) -> Json:
        """Translate a whole answer."""
        choice = choice_of(chat)
        blocks = blocks_of(part(choice, "message"))
        return self.finished(self.opening(chat), choice, blocks, counts.of_chat(chat))

    def opening(self, chat: Json) -> Json:
        """Return the response without output that begins a stream."""
        model, created = chat.get("model"), chat.get("created")
        requested = {name: self._request.get(name) for name in _ECHOED}
        echoed = {
            name: _ECHOED[name] if value is None else value for name, value in requested.items()
        }
        return {
            "id": f"resp_{self.reply.id}",
            "object": "response",
            "created_at": created if isinstance(created, int) else self.reply.created,
            "status": "in_progress",
            "background": False,
            "error": None,
            "incomplete_details": None,
            "model": model if isinstance(model, str) and model else self.reply.model,
            "output": [],
            "previous_response_id": None,
            "reasoning": {"effort": None, "summary": None, **part(self._request, "reasoning")},
            "store": False,
            "text": {"format": {"type": "text"}, **part(self._request, "text")},
            "usage": None,
            **echoed,
        }

    def finished(
        self, opened: Json, choice: Json, blocks: list[Block], used: counts.Counts | None
    ) -> Json:
        """Return the whole response."""
        cut = _INCOMPLETE.get(str(choice.get("finish_reason")))
        items = [self.item(block, "completed") for block in blocks]
        if cut and items and "status" in items[-1]:
            items[-1]["status"] = "incomplete"
        return {
            **opened,
            "status": "incomplete" if cut else "completed",
            "incomplete_details": {"reason": cut} if cut else None,
            "output": items,
            "usage": None if used is None else _usage(used),
        }

    def failed(self, opened: Json, blocks: list[Block], error: ApiError) -> Json:
        """Return a response that failed."""
        items = [self.item(block, "incomplete") for block in blocks if block.is_open]
        return {**opened, "status": "failed", "output": items, "error": error_of(error)}

    def item(self, block: Block, status: Status) -> Json:
        """Return a block as an item of the output. Its text is empty while in progress."""
        text = "" if status == "in_progress" else block.text
        if block.kind == "call":
            return self._call(block, text, status)
        if block.kind == "reasoning":
            return self._reasoning(block, text)
        whole = [] if status == "in_progress" else [content_part(block, text)]
        identity = {"id": self.item_id(block), "type": "message", "role": "assistant"}
        return {**identity, "status": status, "content": whole}

    def item_id(self, block: Block) -> str:
        """Return an item's id, the same in every event. Encrypted reasoning keeps OpenAI's."""
        own = block.detail.get("id")
        if isinstance(own, str) and block.detail.get("format") == reasoning.OPENAI:
            return own
        return f"{_PREFIXES[block.kind]}_{self.reply.id}_{block.index}"

    def is_custom(self, block: Block) -> bool:
        return block.custom or self._names.of(block.name).custom

    def input_of(self, block: Block) -> str:
        """Return the input of a custom tool's call."""
        return block.text if block.custom else custom_input(block.text)

    def _call(self, block: Block, text: str, status: Status) -> Json:
        tool = self._names.of(block.name)
        item: Json = {
            "id": self.item_id(block),
            "call_id": block.id or f"call_{self.reply.id}_{block.index}",
            "name": tool.name,
            **({"namespace": tool.namespace} if tool.namespace else {}),
            "status": status,
        }
        if not self.is_custom(block):
            return {**item, "type": "function_call", "arguments": text}
        given = "" if status == "in_progress" else self.input_of(block)
        return {**item, "type": "custom_tool_call", "input": given}

    def _reasoning(self, block: Block, text: str) -> Json:
        item: Json = {"id": self.item_id(block), "type": "reasoning", "summary": []}
        if is_summary(block):
            item["summary"] = [{"type": "summary_text", "text": text}] if text else []
        elif text:
            item["content"] = [{"type": "reasoning_text", "text": text}]
        if self._encrypts and (opaque := _opaque(block)):
            item["encrypted_content"] = opaque
        return item


def is_summary(block: Block) -> bool:
    return block.detail.get("type") == "reasoning.summary"


def content_part(block: Block, text: str) -> Json:
    """Return the only part of a message."""
    if block.kind == "refusal":
        return {"type": "refusal", "refusal": text}
    if block.kind == "reasoning":
        return {"type": "reasoning_text", "text": text}
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _opaque(block: Block) -> str | None:
    """Return the opaque field that the client sends back with the reasoning."""
    detail = block.detail
    if detail.get("type") == "reasoning.encrypted" and detail.get("format") == reasoning.OPENAI:
        data = detail.get("data")
        return data if isinstance(data, str) else None
    plain = not detail or not set(detail) - {"type", "index", "format"}
    return None if plain else reasoning.pack(detail)


def _usage(used: counts.Counts) -> Json:
    return {
        "input_tokens": used.prompt,
        "input_tokens_details": {
            "cached_tokens": used.cache_read,
            "cache_write_tokens": used.cache_write,
        },
        "output_tokens": used.completion,
        "output_tokens_details": {"reasoning_tokens": used.reasoning},
        "total_tokens": used.prompt + used.completion,
    }


_PREFIXES = {"text": "msg", "refusal": "msg", "reasoning": "rs", "call": "fc"}
