"""The demo upstream plays a scripted conversation, in every dialect."""

from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest

from devserver.upstream.client import MODEL
from devserver.upstream.scripts import write_script
from tests.fakes.upstream_process import UpstreamProcess

SCRIPT = write_script(
    [{"tool": "write", "arguments": {"path": "a=[b],c"}}, {"text": "It is written."}]
)
PARAMETERS: Any = {"type": "object", "properties": {"path": {"type": "string"}}}
FUNCTION: Any = {"type": "function", "function": {"name": "write", "parameters": PARAMETERS}}


@pytest.fixture(scope="module")
def upstream() -> Iterator[UpstreamProcess]:
    with UpstreamProcess() as process:
        process.set_fault(script=SCRIPT)
        yield process


@pytest.fixture
def ai(upstream: UpstreamProcess) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=upstream.url, api_key="any", max_retries=0) as client:
        yield client


def test_a_chat_goes_through_the_steps(ai: openai.OpenAI) -> None:
    messages: list[Any] = [{"role": "user", "content": "Write."}]
    call = ai.chat.completions.create(model=MODEL, messages=messages, tools=[FUNCTION])
    (called,) = call.choices[0].message.tool_calls or []
    assert called.type == "function"
    assert (called.function.name, called.function.arguments) == ("write", '{"path":"a=[b],c"}')

    told = {"role": "tool", "tool_call_id": called.id, "content": "ok"}
    messages += [call.choices[0].message.model_dump(exclude_none=True), told]
    messages += [{"role": "user", "content": "A reminder."}]
    answer = ai.chat.completions.create(model=MODEL, messages=messages, tools=[FUNCTION])
    assert answer.choices[0].message.content == "It is written."


def test_a_step_whose_tool_is_not_offered_is_a_text(ai: openai.OpenAI) -> None:
    messages: list[Any] = [{"role": "user", "content": "A title, please. [[n=3]]"}]
    answer = ai.chat.completions.create(model=MODEL, messages=messages)
    assert answer.choices[0].message.tool_calls is None
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 3


def test_messages_go_through_the_steps(upstream: UpstreamProcess) -> None:
    tool: Any = {"name": "write", "input_schema": PARAMETERS}
    turns: list[Any] = [{"role": "user", "content": "Write."}]
    with anthropic.Anthropic(
        base_url=upstream.url.removesuffix("/v1"), auth_token="any", max_retries=0
    ) as claude:
        call = claude.messages.create(model=MODEL, max_tokens=99, messages=turns, tools=[tool])
        (block,) = call.content
        assert block.type == "tool_use"
        assert block.input == {"path": "a=[b],c"}

        result = {"type": "tool_result", "tool_use_id": block.id, "content": "ok"}
        turns += [{"role": "assistant", "content": call.content}]
        turns += [{"role": "user", "content": [result]}]
        answer = claude.messages.create(model=MODEL, max_tokens=99, messages=turns, tools=[tool])
        assert [block.text for block in answer.content if block.type == "text"] == [
            "It is written."
        ]


def test_responses_go_through_the_steps(ai: openai.OpenAI) -> None:
    tool: Any = {"type": "function", "name": "write", "parameters": PARAMETERS, "strict": False}
    items: list[Any] = [{"role": "user", "content": "Write."}]
    call = ai.responses.create(model=MODEL, input=items, tools=[tool])
    (called,) = call.output
    assert called.type == "function_call"
    assert called.arguments == '{"path":"a=[b],c"}'

    told = {"type": "function_call_output", "call_id": called.call_id, "output": "ok"}
    items += [called.model_dump(), told]
    assert ai.responses.create(model=MODEL, input=items, tools=[tool]).output_text == (
        "It is written."
    )


@pytest.mark.parametrize("script", ["!", "bm8", "WzFd"])
def test_what_is_no_script_is_refused(ai: openai.OpenAI, script: str) -> None:
    messages: list[Any] = [{"role": "user", "content": f"[[script={script}]]"}]
    with pytest.raises(openai.BadRequestError, match="script"):
        ai.chat.completions.create(model=MODEL, messages=messages)
