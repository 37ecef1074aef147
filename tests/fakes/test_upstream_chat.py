"""Chat completions of the demo upstream, as OpenAI's own package and as bytes see them."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from openai import AsyncOpenAI, OpenAI

from devserver.upstream.app import App
from devserver.upstream.client import MODEL, chat, events, open_stream, post, tokens
from devserver.upstream.tokenizer import count
from devserver.upstream.wire import Request
from tests.fakes.upstream_process import UpstreamProcess
from tests.fakes.virtual_time import seconds_of

TOOLS: list[Any] = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "parameters": {
                "type": "object",
                "properties": {
                    "city": {"type": "string"},
                    "unit": {"enum": ["celsius", "kelvin"]},
                    "days": {"type": "integer"},
                },
            },
        },
    }
]


@pytest.fixture(scope="module")
def upstream() -> Iterator[UpstreamProcess]:
    with UpstreamProcess() as process:
        yield process


@pytest.fixture
def client(upstream: UpstreamProcess) -> OpenAI:
    return OpenAI(base_url=upstream.url, api_key="any", max_retries=0)


def ask(prompt: str) -> list[Any]:
    return [{"role": "user", "content": prompt}]


def test_a_chat_answer_reports_the_tokens_of_its_text(client: OpenAI) -> None:
    answer = client.chat.completions.create(model=MODEL, messages=ask("Tell me about rivers"))
    text = answer.choices[0].message.content
    assert text is not None
    assert "Tell me about rivers" in text
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == count(text)
    assert answer.usage.prompt_tokens == 7 + count("Tell me about rivers")
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + count(text)


def test_a_stream_says_the_same_one_token_a_chunk(client: OpenAI) -> None:
    whole = client.chat.completions.create(model=MODEL, messages=ask("Rivers?"))
    stream = client.chat.completions.create(
        model=MODEL,
        messages=ask("Rivers?"),
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    pieces = [
        chunk.choices[0].delta.content
        for chunk in chunks
        if chunk.choices and chunk.choices[0].delta.content
    ]
    assert "".join(pieces) == whole.choices[0].message.content
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert whole.usage is not None
    assert chunks[-1].usage == whole.usage
    assert chunks[-1].usage.completion_tokens == len(pieces)


async def test_the_async_client_works_too(upstream: UpstreamProcess) -> None:
    async with AsyncOpenAI(base_url=upstream.url, api_key="any") as client:
        whole = await client.chat.completions.create(model=MODEL, messages=ask("[[n=9]]"))
        stream = await client.chat.completions.create(
            model=MODEL, messages=ask("[[n=9]]"), stream=True
        )
        pieces = [chunk.choices[0].delta.content async for chunk in stream]
    assert whole.usage is not None
    assert whole.usage.completion_tokens == 9
    assert len([piece for piece in pieces if piece]) == 9


def test_the_events_are_in_openais_shape(upstream: UpstreamProcess) -> None:
    response = post(upstream, chat("[[n=3]]", stream=True, stream_options={"include_usage": True}))
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    *chunks, done = events(response.text)
    assert done == "[DONE]"
    assert [chunk["object"] for chunk in chunks] == ["chat.completion.chunk"] * 6
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert chunks[0]["choices"][0]["delta"] == {
        "role": "assistant",
        "content": "",
        "refusal": None,
    }
    assert chunks[-2]["choices"][0] == {
        "index": 0,
        "delta": {},
        "logprobs": None,
        "finish_reason": "stop",
    }
    assert [chunk["usage"] for chunk in chunks[:-1]] == [None] * 5
    assert chunks[-1]["usage"]["completion_tokens_details"]["reasoning_tokens"] == 0


def test_usage_is_not_streamed_unasked(upstream: UpstreamProcess) -> None:
    chunks = events(post(upstream, chat("[[n=3]]", stream=True)).text)
    assert not any("usage" in chunk for chunk in chunks[:-1])


@pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens"])
def test_a_limit_ends_the_text_by_length(upstream: UpstreamProcess, limit: str) -> None:
    answer = post(upstream, chat("[[n=20]]", **{limit: 5})).json()
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 5


def test_a_text_that_just_fits_its_limit_stops(upstream: UpstreamProcess) -> None:
    answer = post(upstream, chat("[[n=5]]", max_tokens=5)).json()
    assert answer["choices"][0]["finish_reason"] == "stop"


def test_every_choice_is_counted(upstream: UpstreamProcess) -> None:
    answer = post(upstream, chat("[[n=6]]", n=3)).json()
    assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2]
    assert answer["usage"]["completion_tokens"] == 18
    chunks = events(post(upstream, chat("[[n=6]]", n=3, stream=True)).text)
    assert len(tokens(chunks)) == 18


@pytest.mark.parametrize("stop", [" model", ["nowhere", " model"]])
def test_a_stop_sequence_ends_the_text_before_it(upstream: UpstreamProcess, stop: Any) -> None:
    choice = post(upstream, chat("[[n=20]]", stop=stop)).json()["choices"][0]
    assert choice["message"]["content"] == "A demo"
    assert choice["finish_reason"] == "stop"


def test_json_mode_answers_json(upstream: UpstreamProcess) -> None:
    asked = {"response_format": {"type": "json_object"}}
    for prompt in ('Say "hi"', "[[n=30]]"):
        choice = post(upstream, chat(prompt, **asked)).json()["choices"][0]
        assert isinstance(json.loads(choice["message"]["content"])["answer"], str)


def test_a_tool_is_called_when_asked_for(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model=MODEL, messages=ask("Weather? [[tool]]"), tools=TOOLS
    )
    assert answer.choices[0].finish_reason == "tool_calls"
    assert answer.choices[0].message.content is None
    call = (answer.choices[0].message.tool_calls or [])[0]
    assert call.type == "function"
    assert call.function.name == "get_weather"
    assert json.loads(call.function.arguments) == {"city": "demo", "unit": "celsius", "days": 1}


def test_a_tool_call_streams_its_arguments(upstream: UpstreamProcess) -> None:
    body = chat("[[tool]]", tools=TOOLS, stream=True, stream_options={"include_usage": True})
    chunks = events(post(upstream, body).text)[:-1]
    calls = [
        chunk["choices"][0]["delta"]["tool_calls"][0]
        for chunk in chunks[:-1]
        if "tool_calls" in chunk["choices"][0]["delta"]
    ]
    assert calls[0]["function"] == {"name": "get_weather", "arguments": ""}
    assert json.loads("".join(call["function"]["arguments"] for call in calls))["days"] == 1
    assert chunks[-2]["choices"][0]["finish_reason"] == "tool_calls"
    assert chunks[-1]["usage"]["completion_tokens"] == len(calls)


def test_a_required_tool_is_called_and_its_result_answered(upstream: UpstreamProcess) -> None:
    body = chat("Weather?", tools=TOOLS, tool_choice="required")
    message = post(upstream, body).json()["choices"][0]["message"]
    result = {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "Sunny"}
    body["messages"] += [message, result]
    assert post(upstream, body).json()["choices"][0]["finish_reason"] == "stop"


def test_tools_are_left_alone_when_not_asked_for(upstream: UpstreamProcess) -> None:
    answer = post(upstream, chat("Weather?", tools=TOOLS)).json()
    assert answer["choices"][0]["finish_reason"] == "stop"
    forbidden = post(upstream, chat("[[tool]]", tools=TOOLS, tool_choice="none")).json()
    assert forbidden["choices"][0]["finish_reason"] == "stop"


def test_reasoning_comes_first_and_is_counted(upstream: UpstreamProcess) -> None:
    body = chat("[[n=4,reasoning=6]]")
    whole = post(upstream, body).json()
    assert whole["choices"][0]["message"]["reasoning"]
    assert whole["usage"]["completion_tokens"] == 10
    assert whole["usage"]["completion_tokens_details"]["reasoning_tokens"] == 6
    chunks = events(post(upstream, {**body, "stream": True}).text)
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks[1:-2]]
    assert ["reasoning" in delta for delta in deltas] == [True] * 6 + [False] * 4


def test_reasoning_spends_the_limit_first(upstream: UpstreamProcess) -> None:
    usage = post(upstream, chat("[[n=4,reasoning=6]]", max_tokens=5)).json()["usage"]
    assert usage["completion_tokens"] == 5
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 5


def test_prompt_cached_and_cost_are_told_as_directed(upstream: UpstreamProcess) -> None:
    usage = post(upstream, chat("[[n=2,prompt=900,cached=500,cost=0.25]]")).json()["usage"]
    assert (usage["prompt_tokens"], usage["total_tokens"]) == (900, 902)
    assert usage["prompt_tokens_details"]["cached_tokens"] == 500
    assert usage["cost"] == 0.25


def test_the_cost_follows_the_models_prices(upstream: UpstreamProcess) -> None:
    body = chat("[[n=10,prompt=1000]]", usage={"include": True})
    assert post(upstream, body).json()["usage"]["cost"] == pytest.approx(0.00027)


def test_parts_and_pictures_are_counted(upstream: UpstreamProcess) -> None:
    parts = [
        {"type": "text", "text": "What is it? [[n=1]]"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
    ]
    body = chat("")
    body["messages"][0]["content"] = parts
    usage = post(upstream, body).json()["usage"]
    assert usage["prompt_tokens"] == 7 + 85 + count("What is it? [[n=1]]")
    assert usage["completion_tokens"] == 1


def test_double_brackets_without_a_known_key_are_text(upstream: UpstreamProcess) -> None:
    answer = post(upstream, chat("What does [[ -f x ]] or [[foo]] mean?")).json()
    assert "[[foo]]" in answer["choices"][0]["message"]["content"]


class Kept:
    """What was written to a client that is always ready."""

    def __init__(self) -> None:
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data

    async def drain(self) -> None: ...

    def hang_up(self) -> None: ...

    def reset(self) -> None: ...


def pauses(body: dict[str, Any], *, pace: float = 0.0) -> float:
    """Return for how many seconds the upstream pauses while it answers."""
    headers = {b"authorization": b"Bearer any"}
    request = Request("POST", b"/v1/chat/completions", headers, json.dumps(body).encode())
    out = Kept()

    async def answered() -> None:
        answering = App(pace=pace).answer(request, out)
        if answering is not None:
            await answering

    seconds = seconds_of(answered())
    assert out.written.startswith(b"HTTP/1.1 200 ")
    return seconds


def test_pace_spreads_the_tokens() -> None:
    assert pauses(chat("[[n=20]]", stream=True), pace=10) == pytest.approx(0.19)
    assert pauses(chat("[[n=20]]"), pace=10) == pytest.approx(0.2)
    assert pauses(chat("[[n=20,d=0]]"), pace=10) == 0
    assert pauses(chat("[[n=20,d=30]]", stream=True)) == pytest.approx(0.57)


def test_first_delays_the_head() -> None:
    for stream in (True, False):
        assert pauses(chat("[[n=1,first=120]]", stream=stream)) == pytest.approx(0.12)


def test_the_pace_is_an_option_of_the_process() -> None:
    an_hour = 3_600_000
    with UpstreamProcess(pace=an_hour) as slow, open_stream(slow, chat("[[n=2]]")) as stream:
        arriving = stream.iter_lines()
        first = json.loads(next(arriving).removeprefix("data: "))
        assert post(slow, chat("[[n=20,d=0]]")).is_success
        (running,) = [each for each in slow.journal() if each["outcome"] == "running"]
        assert running["chunks_sent"] == 1
    assert first["object"] == "chat.completion.chunk"
