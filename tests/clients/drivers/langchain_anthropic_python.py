"""LangChain's ChatAnthropic, and ChatOpenAI by Responses."""

from typing import Any

from langchain_anthropic import ChatAnthropic
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from telling import KEY, MODEL, READ, ROOT, SAY, play

MODELS = {
    "messages": ChatAnthropic(
        model=MODEL, base_url=ROOT, api_key=KEY, max_tokens=500, max_retries=0, stream_usage=True
    ),
    "responses": ChatOpenAI(
        model=MODEL, base_url=f"{ROOT}/v1", api_key=KEY, max_retries=0, use_responses_api=True
    ),
}


@tool
def read_file(path: str) -> str:
    """Read a file."""
    return f"print({path!r})"


def plain(model: Any) -> dict[str, Any]:
    answer = model.invoke(SAY)
    return {"text": answer.text, "tokens": answer.usage_metadata["total_tokens"]}


def stream(model: Any) -> dict[str, Any]:
    whole, *rest = model.stream(SAY)
    for part in rest:
        whole += part
    return {"text": whole.text, "tokens": whole.usage_metadata["total_tokens"]}


def tools(model: Any) -> dict[str, Any]:
    able = model.bind_tools([read_file])
    messages: list[Any] = [HumanMessage(READ)]
    call = able.invoke(messages)
    (called,) = call.tool_calls
    messages += [call, ToolMessage(read_file.invoke(called["args"]), tool_call_id=called["id"])]
    answer = able.invoke(messages)
    tokens = sum(one.usage_metadata["total_tokens"] for one in (call, answer))
    return {"text": answer.text, "tokens": tokens, "called": 1}


play(
    {
        f"{scenario.__name__} {name}": lambda scenario=scenario, model=model: scenario(model)
        for name, model in MODELS.items()
        for scenario in (plain, stream, tools)
    }
)
