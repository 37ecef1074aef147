"""Chat answers, whole and as streams, and a strategy that makes them up."""

import json
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from llmproxy.protocol.dialects import OPENROUTER, PLAIN, Reply

Json = dict[str, Any]

# A busy machine makes nothing fail.
quietly = settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

REPLY = Reply(id="0192", created=1_700_000_000, model="asked/for", prompt_tokens=11)
TARGETS = [OPENROUTER, PLAIN]

MESSAGES_REQUEST: Json = {
    "model": "m",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "hi"}],
}
RESPONSES_REQUEST: Json = {"model": "m", "input": "hi", "include": ["reasoning.encrypted_content"]}

USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 20,
    "total_tokens": 120,
    "prompt_tokens_details": {"cached_tokens": 30, "cache_write_tokens": 10},
    "completion_tokens_details": {"reasoning_tokens": 5},
}


def chat_answer(message: Json, finish: str = "stop", usage: Json | None = USAGE) -> Json:
    """Return a whole chat answer."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    answer = {"id": "gen-1", "object": "chat.completion", "created": 1_750_000_000}
    return {**answer, "model": "some/model", "choices": [choice], "usage": usage}


def chat_chunk(delta: Json, finish: str | None = None) -> Json:
    """Return one chunk of a chat stream."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    chunk = {"id": "gen-1", "object": "chat.completion.chunk", "created": 1_750_000_000}
    return {**chunk, "model": "some/model", "choices": [choice]}


def chat_stream(message: Json, finish: str = "stop", size: int = 3) -> bytes:
    """Return the stream that a whole message would have been, in deltas of ``size`` characters."""
    deltas = [*_deltas(message, size), {}]
    chunks = [chat_chunk(delta) for delta in deltas[:-1]] + [chat_chunk({}, finish)]
    chunks.append({**chat_chunk({}), "choices": [], "usage": USAGE})
    lines = [b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks]
    return b": PROCESSING\n\n" + b"".join(lines) + b"data: [DONE]\n\n"


def _deltas(message: Json, size: int) -> list[Json]:
    deltas: list[Json] = [{"role": "assistant", "content": ""}]
    for position, detail in enumerate(message.get("reasoning_details", [])):
        deltas += _detail_deltas({"index": position, **detail}, size)
    for name in ("reasoning_content", "content", "refusal"):
        deltas += [{name: piece} for piece in _cut(message.get(name) or "", size)]
    for position, call in enumerate(message.get("tool_calls", [])):
        function = call["function"]
        opening = {**call, "index": position, "function": {**function, "arguments": ""}}
        deltas.append({"tool_calls": [opening]})
        deltas += [
            {"tool_calls": [{"index": position, "function": {"arguments": piece}}]}
            for piece in _cut(function["arguments"], size)
        ]
    return deltas


def _detail_deltas(detail: Json, size: int) -> list[Json]:
    """Cut an entry of reasoning as OpenRouter does: its text first, its signature last."""
    name = {"reasoning.text": "text", "reasoning.summary": "summary"}.get(detail["type"])
    if name is None:
        return [{"reasoning_details": [detail]}]
    base = {key: value for key, value in detail.items() if key not in (name, "signature")}
    found = [{"reasoning_details": [{**base, name: piece}]} for piece in _cut(detail[name], size)]
    if "signature" in detail:
        signed = {**base, "signature": detail["signature"]}
        found.append({"reasoning_details": [signed]})
    return found


def _cut(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


_texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
_arguments = st.dictionaries(_texts, st.one_of(_texts, st.integers(), st.none()), max_size=3)
_formats = st.sampled_from(["anthropic-claude-v1", "openai-responses-v1", "google-gemini-v1"])


@st.composite
def _details(draw: st.DrawFn) -> Json:
    kind = draw(st.sampled_from(["reasoning.text", "reasoning.summary", "reasoning.encrypted"]))
    detail: Json = {"type": kind, "format": draw(_formats)}
    if kind == "reasoning.encrypted":
        return {**detail, "data": draw(_texts), "id": draw(st.sampled_from([None, "rs_1"]))}
    detail[kind.removeprefix("reasoning.")] = draw(_texts)
    if kind == "reasoning.text" and draw(st.booleans()):
        detail["signature"] = draw(_texts)
    return detail


@st.composite
def chat_messages(draw: st.DrawFn) -> tuple[Json, str]:
    """Make up a chat message, and why it ended."""
    message: Json = {"content": draw(st.one_of(st.none(), _texts))}
    reasoning = draw(st.sampled_from(["none", "plain", "details"]))
    if reasoning == "plain":
        message["reasoning_content"] = draw(_texts)
    elif reasoning == "details":
        details = draw(st.lists(_details(), min_size=1, max_size=3))
        message["reasoning_details"] = [{**one, "index": at} for at, one in enumerate(details)]
    names = draw(st.lists(st.sampled_from(["shell", "patch", "look"]), max_size=3))
    if names:
        message["tool_calls"] = [
            {
                "id": f"call_{at}",
                "type": "function",
                "function": {"name": name, "arguments": json.dumps(draw(_arguments))},
            }
            for at, name in enumerate(names)
        ]
    elif draw(st.booleans()):
        message["refusal"] = draw(_texts)
    finish = "tool_calls" if names else draw(st.sampled_from(["stop", "length", "content_filter"]))
    return message, finish
