"""Pydantic AI, by Messages and by Responses."""

import asyncio
from typing import Any

from pydantic_ai import Agent
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider
from telling import KEY, MODEL, READ, ROOT, SAY, play

MODELS = {
    "messages": AnthropicModel(MODEL, provider=AnthropicProvider(base_url=ROOT, api_key=KEY)),
    "responses": OpenAIResponsesModel(
        MODEL, provider=OpenAIProvider(base_url=f"{ROOT}/v1", api_key=KEY)
    ),
}


def seen(result: Any, text: str) -> dict[str, Any]:
    usage = result.usage() if callable(result.usage) else result.usage
    return {"text": text, "tokens": usage.input_tokens + usage.output_tokens}


def plain(model: Any) -> dict[str, Any]:
    result = Agent(model).run_sync(SAY)
    return seen(result, result.output)


def stream(model: Any) -> dict[str, Any]:
    async def run() -> dict[str, Any]:
        async with Agent(model).run_stream(SAY) as result:
            return seen(result, await result.get_output())

    return asyncio.run(run())


def tools(model: Any) -> dict[str, Any]:
    paths: list[str] = []
    agent = Agent(model)

    @agent.tool_plain
    def read_file(path: str) -> str:
        """Read a file."""
        paths.append(path)
        return "print('hello')"

    result = agent.run_sync(READ)
    return {**seen(result, result.output), "called": len(paths)}


play(
    {
        f"{scenario.__name__} {name}": lambda scenario=scenario, model=model: scenario(model)
        for name, model in MODELS.items()
        for scenario in (plain, stream, tools)
    }
)
