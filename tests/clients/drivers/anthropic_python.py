"""Anthropic's SDK: messages, its helper of streams, its tool runner, counting."""

import json
from typing import Any

import anthropic
from anthropic import beta_tool
from telling import KEY, MODEL, READ, ROOT, SAY, play

claude = anthropic.Anthropic(base_url=ROOT, api_key=KEY, max_retries=0)


def ask(text: str) -> dict[str, Any]:
    return {"model": MODEL, "max_tokens": 500, "messages": [{"role": "user", "content": text}]}


def seen(*messages: Any) -> dict[str, Any]:
    usages = [message.usage for message in messages]
    text = "".join(block.text for block in messages[-1].content if block.type == "text")
    return {"text": text, "tokens": sum(one.input_tokens + one.output_tokens for one in usages)}


def stream() -> dict[str, Any]:
    with claude.messages.stream(**ask(SAY)) as answer:
        text = "".join(answer.text_stream)
        whole = seen(answer.get_final_message())
    return {**whole, "text": text} if text == whole["text"] else {"failed": "texts differ"}


def tools() -> dict[str, Any]:
    paths: list[str] = []

    @beta_tool
    def read_file(path: str) -> str:
        """Read a file.

        Args:
            path: its path
        """
        paths.append(path)
        return "print('hello')"

    messages = list(claude.beta.messages.tool_runner(**ask(READ), tools=[read_file]))
    return {**seen(*messages), "called": len(paths)}


def parse() -> dict[str, Any]:
    schema = {
        "type": "object",
        "properties": {"answer": {"type": "string"}},
        "required": ["answer"],
        "additionalProperties": False,
    }
    message = claude.messages.create(
        **ask("Answer in JSON."),
        output_config={"format": {"type": "json_schema", "schema": schema}},
    )
    told = seen(message)
    return {**told, "text": json.loads(told["text"])["answer"]}


def count() -> dict[str, Any]:
    messages: Any = ask("word " * 100)["messages"]
    counted = claude.messages.count_tokens(model=MODEL, messages=messages)
    return {"text": "counted", "tokens": 0, "counted": counted.input_tokens}


play(
    {
        "plain": lambda: seen(claude.messages.create(**ask(SAY))),
        "stream": stream,
        "tools": tools,
        "parse": parse,
        "count": count,
    }
)
