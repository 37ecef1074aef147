"""LiteLLM as a client, by Messages and by Responses."""

from typing import Any

import litellm
from telling import KEY, MODEL, READ, ROOT, SAY, play

ANTHROPIC: Any = {"model": f"anthropic/{MODEL}", "api_base": ROOT, "api_key": KEY}
OPENAI: Any = {"model": f"openai/{MODEL}", "api_base": f"{ROOT}/v1", "api_key": KEY}
TOOL = {
    "type": "function",
    "function": {
        "name": "read_file",
        "parameters": {"type": "object", "properties": {"path": {"type": "string"}}},
    },
}


def said(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


def seen(*answers: Any) -> dict[str, Any]:
    tokens = sum(answer.usage.total_tokens for answer in answers)
    return {"text": answers[-1].choices[0].message.content, "tokens": tokens}


def stream() -> dict[str, Any]:
    chunks = list(litellm.completion(**ANTHROPIC, messages=said(SAY), stream=True))
    whole: Any = litellm.stream_chunk_builder(chunks)
    return {"text": whole.choices[0].message.content, "tokens": None}


def tools() -> dict[str, Any]:
    messages = said(READ)
    call: Any = litellm.completion(**ANTHROPIC, messages=messages, tools=[TOOL])
    message = call.choices[0].message
    (called,) = message.tool_calls
    messages += [message, {"role": "tool", "tool_call_id": called.id, "content": "print('hello')"}]
    answer = litellm.completion(**ANTHROPIC, messages=messages, tools=[TOOL])
    return {**seen(call, answer), "called": 1}


def responses() -> dict[str, Any]:
    answer: Any = litellm.responses(**OPENAI, input=SAY)
    return {"text": answer.output[-1].content[0].text, "tokens": answer.usage.total_tokens}


play(
    {
        "plain": lambda: seen(litellm.completion(**ANTHROPIC, messages=said(SAY))),
        "stream": stream,
        "tools": tools,
        "responses": responses,
    }
)
