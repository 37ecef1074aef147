"""Answers of Anthropic's Messages: https://platform.claude.com/docs/en/api/messages."""

from collections.abc import Iterator
from typing import Any

import orjson

from devserver.upstream.breakage import json_text, odd_text
from devserver.upstream.frames import Sent
from devserver.upstream.generation import Plan
from devserver.upstream.job import Job

Json = dict[str, Any]

_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}
_STOPS: Json = {"stop_sequence": None}


def _event(payload: Json) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (payload["type"].encode(), json_text(payload))


class Messages:
    """One message: its thinking, its text or its one call."""

    prefix = "msg_"

    def answer(self, plan: Plan, identity: Json) -> Json:
        blocks = [self._whole(kind, texts) for kind, texts in _blocks(plan)]
        return {
            **self._message(identity),
            "content": blocks,
            "stop_reason": _REASONS[plan.finish],
        }

    def usage(self, plan: Plan, completion_tokens: int) -> Json:
        usage: Json = {
            "input_tokens": plan.prompt_tokens - plan.cached_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": plan.cached_tokens,
            "output_tokens": completion_tokens,
            "service_tier": "standard",
        }
        if plan.tells_cost:
            usage["cost"] = float(plan.usd(completion_tokens))
        return usage

    def events(self, job: Job, sent: Sent) -> Iterator[tuple[int, bytes]]:
        """Every event with the tokens it carries: one or none."""
        usage = {**self.usage(job.plan, 1), "output_tokens": 1}
        message = {**self._message(job.identity), "stop_reason": None, "usage": usage}
        yield 0, _event({"type": "message_start", "message": message})
        yield 0, _event({"type": "ping"})
        for index, (kind, texts) in enumerate(_blocks(job.plan)):
            yield from self._block(job, index, kind, texts)
        delta = {"stop_reason": _REASONS[job.plan.finish], **_STOPS}
        ending: Json = {"type": "message_delta", "delta": delta}
        extra = {} if job.has("no_usage") else {"usage": job.usage(sent())}
        yield 0, _event(ending | extra)
        yield 0, _event({"type": "message_stop"})

    def nothing(self, job: Job) -> bytes:
        return _event({"type": "ping"})

    def error(self, job: Job, error: Json) -> bytes:
        extra = {"type": "overloaded_error", "message": error["message"]}
        return _event({"type": "error", "error": extra})

    def _block(
        self, job: Job, index: int, kind: str, texts: list[str]
    ) -> Iterator[tuple[int, bytes]]:
        name = texts[0] if kind == "call" else ""
        start = {"type": "content_block_start", "index": index, "content_block": _empty(kind, name)}
        yield int(kind == "call"), _event(start)
        for text in texts[1:] if kind == "call" else texts:
            field, of = _DELTAS[kind]
            delta = {"type": of, field: odd_text(text, job)}
            yield 1, _event({"type": "content_block_delta", "index": index, "delta": delta})
        yield 0, _event({"type": "content_block_stop", "index": index})

    def _message(self, identity: Json) -> Json:
        return {
            "id": identity["id"],
            "type": "message",
            "role": "assistant",
            "model": identity["model"],
            "content": [],
            **_STOPS,
        }

    def _whole(self, kind: str, texts: list[str]) -> Json:
        if kind == "call":
            return {**_empty(kind, texts[0]), "input": orjson.loads("".join(texts[1:]) or "{}")}
        return {**_empty(kind, ""), kind: "".join(texts)}


_DELTAS = {
    "text": ("text", "text_delta"),
    "thinking": ("thinking", "thinking_delta"),
    "call": ("partial_json", "input_json_delta"),
}


def _empty(kind: str, name: str) -> Json:
    if kind == "call":
        return {"type": "tool_use", "id": "toolu_demo0", "name": name, "input": {}}
    if kind == "thinking":
        return {"type": "thinking", "thinking": "", "signature": "ZGVtbw=="}
    return {"type": "text", "text": ""}


def _blocks(plan: Plan) -> list[tuple[str, list[str]]]:
    """The tokens of each block; of a call the first is its name."""
    blocks: dict[str, list[str]] = {}
    for token in plan.tokens():
        blocks.setdefault(_KINDS[token.kind], []).append(token.text)
    return list(blocks.items())


_KINDS = {"reasoning": "thinking", "content": "text", "name": "call", "arguments": "call"}

MESSAGES = Messages()
