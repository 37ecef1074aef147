"""LlamaIndex by Responses. Its Anthropic class (0.12.3) fails with the SDK that it installs."""

from typing import Any

from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai import OpenAIResponses
from telling import KEY, MODEL, READ, ROOT, SAY, play

model = OpenAIResponses(
    model=MODEL, api_base=f"{ROOT}/v1", api_key=KEY, max_retries=0, context_window=100_000
)


def read_file(path: str) -> str:
    """Read a file."""
    return f"print({path!r})"


TOOL = FunctionTool.from_defaults(read_file)


def plain() -> dict[str, Any]:
    answer = model.chat([ChatMessage(SAY)])
    return {"text": answer.message.content, "tokens": None}


def stream() -> dict[str, Any]:
    *_, last = model.stream_chat([ChatMessage(SAY)])
    return {"text": last.message.content, "tokens": None}


def tools() -> dict[str, Any]:
    messages = [ChatMessage(READ)]
    answer = model.chat_with_tools([TOOL], chat_history=messages)
    (call,) = model.get_tool_calls_from_response(answer)
    output = TOOL(**call.tool_kwargs)
    result = ChatMessage(
        role="tool", content=str(output), additional_kwargs={"tool_call_id": call.tool_id}
    )
    last = model.chat_with_tools([TOOL], chat_history=[*messages, answer.message, result])
    return {"text": last.message.content, "tokens": None, "called": 1}


play({"plain": plain, "stream": stream, "tools": tools})
