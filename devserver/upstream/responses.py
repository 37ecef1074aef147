"""Answers of OpenAI's Responses: https://platform.openai.com/docs/api-reference/responses."""

from collections.abc import Iterator
from typing import Any

from devserver.upstream.breakage import json_text, odd_text
from devserver.upstream.frames import Sent
from devserver.upstream.generation import Plan
from devserver.upstream.job import Job

Json = dict[str, Any]


class Responses:
    """One response: its reasoning, and its message or its one call."""

    prefix = "resp_"

    def answer(self, plan: Plan, identity: Json) -> Json:
        return self._response(plan, identity, [_whole(*item) for item in _items(plan)])

    def usage(self, plan: Plan, completion_tokens: int) -> Json:
        usage: Json = {
            "input_tokens": plan.prompt_tokens,
            "input_tokens_details": {"cached_tokens": plan.cached_tokens},
            "output_tokens": completion_tokens,
            "output_tokens_details": {
                "reasoning_tokens": min(completion_tokens, len(plan.reasoning))
            },
            "total_tokens": plan.prompt_tokens + completion_tokens,
        }
        if plan.tells_cost:
            usage["cost"] = float(plan.usd(completion_tokens))
        return usage

    def events(self, job: Job, sent: Sent) -> Iterator[tuple[int, bytes]]:
        """Every event with the tokens it carries: one or none."""
        for number, (tokens, event) in enumerate(self._events(job, sent)):
            kind = event.pop("type")
            numbered = {"type": kind, "sequence_number": number, **event}
            yield tokens, b"event: %b\ndata: %b\n\n" % (kind.encode(), json_text(numbered))

    def nothing(self, job: Job) -> bytes:
        return b'event: response.in_progress\ndata: {"type":"response.in_progress"}\n\n'

    def error(self, job: Job, error: Json) -> bytes:
        body = {"type": "error", "code": "server_error", "message": error["message"], "param": None}
        return b"event: error\ndata: %b\n\n" % json_text(body)

    def _events(self, job: Job, sent: Sent) -> Iterator[tuple[int, Json]]:
        plan = job.plan
        begun = {**self._response(plan, job.identity, []), "status": "in_progress"}
        yield 0, {"type": "response.created", "response": begun}
        yield 0, {"type": "response.in_progress", "response": begun}
        items = _items(plan)
        for index, (kind, texts) in enumerate(items):
            yield from self._item(job, index, kind, texts)
        whole = self._response(plan, job.identity, [_whole(*item) for item in items])
        if not job.has("no_usage"):
            whole["usage"] = job.usage(sent())
        yield 0, {"type": f"response.{whole['status']}", "response": whole}

    def _item(
        self, job: Job, index: int, kind: str, texts: list[str]
    ) -> Iterator[tuple[int, Json]]:
        place: Json = {"output_index": index}
        added = {**_whole(kind, texts[:1] if kind == "call" else []), "status": "in_progress"}
        yield int(kind == "call"), {"type": "response.output_item.added", **place, "item": added}
        of, beside = _DELTAS[kind]
        at = {"item_id": added["id"], **place, **beside}
        written = texts[1:] if kind == "call" else texts
        part_at = {key: value for key, value in at.items() if key != "logprobs"}
        if kind != "call":
            part = _part(kind, "")
            yield 0, {"type": "response.content_part.added", **part_at, "part": part}
        for text in written:
            yield 1, {"type": f"{of}.delta", **at, "delta": odd_text(text, job)}
        field = "arguments" if kind == "call" else "text"
        yield 0, {"type": f"{of}.done", **at, field: "".join(written)}
        if kind != "call":
            part = _part(kind, "".join(written))
            yield 0, {"type": "response.content_part.done", **part_at, "part": part}
        done = {**_whole(kind, texts), "status": "completed"}
        yield 0, {"type": "response.output_item.done", **place, "item": done}

    def _response(self, plan: Plan, identity: Json, output: list[Json]) -> Json:
        cut = plan.finish == "length"
        return {
            "id": identity["id"],
            "object": "response",
            "created_at": identity["created"],
            "status": "incomplete" if cut else "completed",
            "error": None,
            "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
            "instructions": None,
            "metadata": {},
            "model": identity["model"],
            "output": output,
            "parallel_tool_calls": True,
            "temperature": 1.0,
            "tool_choice": "auto",
            "tools": [],
            "top_p": 1.0,
            "usage": None,
        }


_DELTAS: dict[str, tuple[str, Json]] = {
    "message": ("response.output_text", {"content_index": 0, "logprobs": []}),
    "reasoning": ("response.reasoning_text", {"content_index": 0}),
    "call": ("response.function_call_arguments", {}),
}


def _whole(kind: str, texts: list[str]) -> Json:
    if kind == "call":
        call = {"id": "fc_demo0", "type": "function_call", "call_id": "call_demo0"}
        named = {"name": texts[0], "arguments": "".join(texts[1:])}
        return {**call, **named, "status": "completed"}
    text = "".join(texts)
    if kind == "reasoning":
        content = [_part(kind, text)] if text else []
        return {"id": "rs_demo0", "type": "reasoning", "summary": [], "content": content}
    message = {"id": "msg_demo0", "type": "message", "role": "assistant", "status": "completed"}
    return {**message, "content": [_part(kind, text)] if text else []}


def _part(kind: str, text: str) -> Json:
    if kind == "reasoning":
        return {"type": "reasoning_text", "text": text}
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _items(plan: Plan) -> list[tuple[str, list[str]]]:
    """The tokens of each item; of a call the first is its name."""
    items: dict[str, list[str]] = {}
    for token in plan.tokens():
        items.setdefault(_KINDS[token.kind], []).append(token.text)
    return list(items.items())


_KINDS = {"reasoning": "reasoning", "content": "message", "name": "call", "arguments": "call"}

RESPONSES = Responses()
