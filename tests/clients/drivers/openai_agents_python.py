"""OpenAI's Agents SDK, whose default is Responses."""

import asyncio
from typing import Any

from agents import Agent, OpenAIResponsesModel, Runner, function_tool, set_tracing_disabled
from openai import AsyncOpenAI
from telling import KEY, MODEL, READ, ROOT, SAY, play

set_tracing_disabled(True)
paths: list[str] = []


@function_tool
def read_file(path: str) -> str:
    """Read a file."""
    paths.append(path)
    return "print('hello')"


def agent(*tools: Any) -> Agent:
    client = AsyncOpenAI(base_url=f"{ROOT}/v1", api_key=KEY, max_retries=0)
    model = OpenAIResponsesModel(model=MODEL, openai_client=client)
    return Agent(name="One", instructions="Be brief.", model=model, tools=list(tools))


def seen(result: Any) -> dict[str, Any]:
    return {"text": result.final_output, "tokens": result.context_wrapper.usage.total_tokens}


def stream() -> dict[str, Any]:
    async def run() -> Any:
        result = Runner.run_streamed(agent(), SAY)
        async for _ in result.stream_events():
            pass
        return result

    return seen(asyncio.run(run()))


play(
    {
        "plain": lambda: seen(Runner.run_sync(agent(), SAY)),
        "stream": stream,
        "tools": lambda: {
            **seen(Runner.run_sync(agent(read_file), READ)),
            "called": len(paths),
        },
    }
)
