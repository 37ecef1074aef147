"""The demo upstream's other endpoints: legacy completions, embeddings, models."""

import math
from collections.abc import Iterator
from decimal import Decimal

import pytest
from openai import AsyncOpenAI, NotFoundError, OpenAI

from devserver.upstream.client import MODEL, get, post
from devserver.upstream.tokenizer import count
from tests.fakes.upstream_process import UpstreamProcess

EMBEDDER = "openai/text-embedding-3-small"


@pytest.fixture(scope="module")
def upstream() -> Iterator[UpstreamProcess]:
    with UpstreamProcess() as process:
        yield process


@pytest.fixture
def client(upstream: UpstreamProcess) -> OpenAI:
    return OpenAI(base_url=upstream.url, api_key="any", max_retries=0)


def test_a_legacy_completion_works(client: OpenAI) -> None:
    answer = client.completions.create(model=MODEL, prompt="Once [[n=30]]", max_tokens=50)
    assert answer.object == "text_completion"
    assert count(answer.choices[0].text) == 30
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (
        count("Once [[n=30]]"),
        30,
    )


def test_a_legacy_completion_is_short_by_default(client: OpenAI) -> None:
    answer = client.completions.create(model=MODEL, prompt="Once")
    assert answer.choices[0].finish_reason == "length"
    assert count(answer.choices[0].text) == 16


def test_a_legacy_stream_works(client: OpenAI) -> None:
    stream = client.completions.create(
        model=MODEL, prompt="[[n=5]]", stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert len([chunk for chunk in chunks if chunk.choices and chunk.choices[0].text]) == 5
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 5


def test_several_prompts_make_several_choices(client: OpenAI) -> None:
    answer = client.completions.create(model=MODEL, prompt=["a [[n=3]]", "b"], n=2)
    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 12


async def test_embeddings_are_unit_vectors_and_stay_the_same(upstream: UpstreamProcess) -> None:
    async with AsyncOpenAI(base_url=upstream.url, api_key="any") as client:
        answer = await client.embeddings.create(model=EMBEDDER, input=["one", "two", "one"])
    one, two, again = (item.embedding for item in answer.data)
    assert len(one) == 1536
    assert math.sqrt(sum(number * number for number in one)) == pytest.approx(1, abs=1e-5)
    assert one == again != two
    assert answer.usage.prompt_tokens == answer.usage.total_tokens == 3


def test_base64_and_floats_are_the_same_vectors(client: OpenAI) -> None:
    # The package asks for base64 unless told otherwise, and decodes it.
    packed = client.embeddings.create(model=EMBEDDER, input="text", dimensions=8)
    plain = client.embeddings.create(
        model=EMBEDDER, input="text", dimensions=8, encoding_format="float"
    )
    assert packed.data[0].embedding == pytest.approx(plain.data[0].embedding)


@pytest.mark.parametrize(("given", "tokens"), [([1, 2, 3], 3), ([[1, 2], [3]], 3)])
def test_token_numbers_are_counted(upstream: UpstreamProcess, given: object, tokens: int) -> None:
    answer = post(upstream, {"model": EMBEDDER, "input": given}, "/embeddings").json()
    assert answer["usage"] == {"prompt_tokens": tokens, "total_tokens": tokens}


def test_models_are_listed(client: OpenAI) -> None:
    models = {model.id: model for model in client.models.list()}
    assert {MODEL, "anthropic/claude-sonnet-4.5", EMBEDDER} <= models.keys()
    assert models[MODEL].owned_by == "openai"
    assert client.models.retrieve(MODEL).id == MODEL
    with pytest.raises(NotFoundError):
        client.models.retrieve("nobody/nothing")


def test_models_carry_openrouters_fields(upstream: UpstreamProcess) -> None:
    model = get(upstream, f"/models/{MODEL}").json()
    assert Decimal(model["pricing"]["prompt"]) == Decimal("0.00000025")
    assert Decimal(model["pricing"]["completion"]) == Decimal("0.000002")
    assert model["context_length"] == 400_000
    assert model["top_provider"]["max_completion_tokens"] == 128_000
