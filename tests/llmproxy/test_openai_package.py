"""The real `openai` package against the running server: sync and async, stream and not."""

import asyncio
from typing import Any

import openai
import pytest

from tests.developer import MODEL, Developer, Make
from tokens.ledger.verify import verify

ASK: dict[str, Any] = {
    "model": MODEL,
    "messages": [{"role": "user", "content": "Say something. [[n=25]]"}],
}


def client(dev: Developer, **options: Any) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{dev.http.base_url}/api/llm", api_key=dev.key, **options)


def async_client(dev: Developer) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{dev.http.base_url}/api/llm", api_key=dev.key)


def test_a_chat_completion_is_understood_and_charged(developer: Make) -> None:
    dev = developer()

    completion = client(dev).chat.completions.create(**ASK)

    assert completion.choices[0].message.content
    assert completion.usage is not None
    assert dev.balance.used == completion.usage.total_tokens


def test_a_stream_is_understood_and_charged(developer: Make) -> None:
    dev = developer()

    stream = client(dev).chat.completions.create(
        **ASK, stream=True, stream_options={"include_usage": True}
    )
    *chunks, last = list(stream)

    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert last.usage.completion_tokens == 25
    assert dev.balance.used == last.usage.total_tokens


def test_the_async_client_is_answered(developer: Make) -> None:
    dev = developer()

    async def ask() -> int:
        async with async_client(dev) as ai:
            whole = await ai.chat.completions.create(**ASK)
            stream = await ai.chat.completions.create(
                **ASK, stream=True, stream_options={"include_usage": True}
            )
            last = [chunk async for chunk in stream][-1]
        return int(whole.usage.total_tokens + last.usage.total_tokens)

    assert asyncio.run(ask()) == dev.balance.used
    assert verify() == []


def test_the_model_list(developer: Make) -> None:
    models = client(developer()).models

    assert [model.id for model in models.list()] == [MODEL]
    assert models.retrieve(MODEL).id == MODEL
    with pytest.raises(openai.NotFoundError):
        models.retrieve("no/such")


def test_errors_are_the_packages_own(developer: Make) -> None:
    dev = developer(0)
    ai = client(dev, max_retries=0)

    with pytest.raises(openai.APIStatusError) as broke:
        ai.chat.completions.create(**ASK)
    assert (broke.value.status_code, broke.value.code) == (402, "insufficient_tokens")
    with pytest.raises(openai.NotFoundError, match="does not exist"):
        ai.chat.completions.create(**{**ASK, "model": "no/such"})
    with pytest.raises(openai.BadRequestError):
        ai.chat.completions.create(**{**ASK, "messages": []})
    with pytest.raises(openai.AuthenticationError):
        client(dev, max_retries=0).with_options(api_key="tgk_no").models.list()
    assert verify() == []
