"""LangChain's ChatOpenAI and OpenAIEmbeddings."""

import json
import os
import sys
from collections.abc import Callable
from typing import Any

import openai
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

MODEL, BASE_URL = os.environ["MODEL"], os.environ["BASE_URL"]
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGA"
    "WjR9awAAAABJRU5ErkJggg=="
)


@tool
def read_file(path: str) -> str:
    """Read a file."""
    return f"print({path!r})"


def chat(key: str = os.environ["RICH_KEY"]) -> ChatOpenAI:
    return ChatOpenAI(model=MODEL, base_url=BASE_URL, api_key=key, max_retries=0, stream_usage=True)


def plain() -> dict[str, Any]:
    answer = chat().invoke("Say something. [[n=25]]")
    return {"text": answer.text, "tokens": answer.usage_metadata["total_tokens"]}


def stream() -> dict[str, Any]:
    whole, *rest = chat().stream("Say something. [[n=25]]")
    for part in rest:
        whole += part
    return {"text": whole.text, "tokens": whole.usage_metadata["total_tokens"]}


def tools() -> dict[str, Any]:
    able = chat().bind_tools([read_file])
    messages: list[Any] = [HumanMessage("Read the file. [[tool=read_file]]")]
    call = able.invoke(messages)
    (called,) = call.tool_calls
    messages += [call, ToolMessage(read_file.invoke(called["args"]), tool_call_id=called["id"])]
    answer = able.invoke(messages)
    return {
        "text": answer.text,
        "tool": called["name"],
        "path": "string" if isinstance(called["args"]["path"], str) else "",
        "tokens": sum(one.usage_metadata["total_tokens"] for one in (call, answer)),
    }


def image() -> dict[str, Any]:
    content = [
        {"type": "text", "text": "What is this? [[n=9]]"},
        {"type": "image_url", "image_url": {"url": PIXEL}},
    ]
    answer = chat().invoke([HumanMessage(content)])
    return {"text": answer.text, "tokens": answer.usage_metadata["total_tokens"]}


def json_mode() -> dict[str, Any]:
    answer = chat().bind(response_format={"type": "json_object"}).invoke("Answer in JSON.")
    text = json.loads(answer.text)["answer"]
    return {"text": text, "tokens": answer.usage_metadata["total_tokens"]}


def embeddings() -> dict[str, Any]:
    # It tells no usage, and asks with token ids, which are counted as they are.
    embedder = OpenAIEmbeddings(
        model=os.environ["EMBEDDER"],
        base_url=BASE_URL,
        api_key=os.environ["RICH_KEY"],
        check_embedding_ctx_length=False,
    )
    return {"vectors": len(embedder.embed_documents(["one", "two"])), "tokens": None}


def cancelled() -> dict[str, Any]:
    parts = chat().stream("Say a lot. [[n=200,d=20]]")
    next(parts)
    next(parts)
    parts.close()
    return {}


def refused(key: str, times: int = 1) -> dict[str, Any]:
    try:
        for _ in range(times):
            chat(key).invoke("hi [[n=1]]")
    except openai.APIStatusError as error:
        return {"type": type(error).__name__, "status": error.status_code, "code": error.code}
    return {"failed": "it was not refused"}


SCENARIOS: dict[str, Callable[[], dict[str, Any]]] = {
    "plain": plain,
    "stream": stream,
    "tools": tools,
    "image": image,
    "json": json_mode,
    "embeddings": embeddings,
    "cancelled": cancelled,
    "unauthorized": lambda: refused("tgk_wrong"),
    "insufficient": lambda: refused(os.environ["POOR_KEY"]),
    "limited": lambda: refused(os.environ["LIMITED_KEY"], times=2),
}

if __name__ == "__main__":
    for name, scenario in SCENARIOS.items():
        try:
            seen = scenario()
        except Exception as error:  # noqa: BLE001 - the test tells it
            seen = {"failed": repr(error)}
        sys.stdout.write(json.dumps({"scenario": name, **seen}) + "\n")
