"""The `openai` package: responses, its helper of streams, parsing."""

from typing import Any

import openai
from pydantic import BaseModel
from telling import KEY, MODEL, READ, ROOT, SAY, play

ai = openai.OpenAI(base_url=f"{ROOT}/v1", api_key=KEY, max_retries=0)
TOOL: Any = {
    "type": "function",
    "name": "read_file",
    "strict": False,
    "parameters": {"type": "object", "properties": {"path": {"type": "string"}}},
}


class Answer(BaseModel):
    answer: str


def seen(*responses: Any) -> dict[str, Any]:
    tokens = sum(response.usage.total_tokens for response in responses)
    return {"text": responses[-1].output_text, "tokens": tokens}


def stream() -> dict[str, Any]:
    text = ""
    with ai.responses.stream(model=MODEL, input=SAY) as answer:
        for event in answer:
            if event.type == "response.output_text.delta":
                text += event.delta
        whole = seen(answer.get_final_response())
    return whole if text == whole["text"] else {"failed": "texts differ"}


def tools() -> dict[str, Any]:
    items: list[Any] = [{"role": "user", "content": READ}]
    call = ai.responses.create(model=MODEL, input=items, tools=[TOOL], store=False)
    calls = [item for item in call.output if item.type == "function_call"]
    items += [item.model_dump(exclude_none=True) for item in call.output]
    items += [
        {"type": "function_call_output", "call_id": one.call_id, "output": "print('hello')"}
        for one in calls
    ]
    answer = ai.responses.create(model=MODEL, input=items, tools=[TOOL], store=False)
    return {**seen(call, answer), "called": len(calls)}


def parse() -> dict[str, Any]:
    response = ai.responses.parse(model=MODEL, input="Answer in JSON.", text_format=Answer)
    return {**seen(response), "text": response.output_parsed.answer}


play(
    {
        "plain": lambda: seen(ai.responses.create(model=MODEL, input=SAY, instructions="Brief.")),
        "stream": stream,
        "tools": tools,
        "parse": parse,
    }
)
