"""Embeddings through the proxy, by the real `openai` package."""

from typing import Any

import openai
import pytest

from llmproxy.models import Model, Route
from tests.developer import MODEL, Developer, Make
from tests.factories import RouteFactory
from tests.fakes.upstream_process import UpstreamProcess
from tokens.ledger.verify import verify

EMBEDDER = "openai/text-embedding-3-small"


@pytest.fixture
def dev(developer: Make) -> Developer:
    RouteFactory.create(model__name=EMBEDDER, model__kind="embedding")
    return developer()


def embeddings(dev: Developer) -> Any:
    ai = openai.OpenAI(base_url=f"{dev.http.base_url}/api/llm", api_key=dev.key, max_retries=0)
    return ai.embeddings


@pytest.mark.parametrize(
    ("given", "count"), [("one", 1), (["one", "two"], 2), ([1, 2, 3], 1), ([[1, 2], [3]], 2)]
)
def test_embeddings_are_relayed_and_charged_by_their_prompt(
    dev: Developer, given: object, count: int
) -> None:
    answer = embeddings(dev).create(model=EMBEDDER, input=given, dimensions=8)

    assert [len(each.embedding) for each in answer.data] == [8] * count
    (receipt,) = dev.receipts
    assert (receipt.endpoint, receipt.status, receipt.source) == ("embeddings", "ok", "reported")
    assert receipt.charged == answer.usage.prompt_tokens == dev.balance.used
    assert receipt.completion_tokens == 0
    assert verify() == []


def test_only_the_input_is_held_for(dev: Developer, upstream: UpstreamProcess) -> None:
    upstream.clear()

    answer = embeddings(dev).with_raw_response.create(model=EMBEDDER, input=list(range(1, 501)))

    assert 500 <= int(answer.headers["x-tokens-reserved"]) < 520
    assert "max_tokens" not in upstream.journal()[-1]["keys"]


def test_only_providers_that_have_them_are_asked(dev: Developer) -> None:
    Route.objects.filter(model_id=EMBEDDER).update(provider="glama")

    with pytest.raises(openai.InternalServerError) as none:
        embeddings(dev).create(model=EMBEDDER, input="hello")
    assert (none.value.status_code, none.value.code) == (503, "no_upstream")


def test_models_of_the_other_kind(dev: Developer) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        embeddings(dev).create(model=MODEL, input="hello")
    assert refused.value.param == "model"
    answer = dev.chat(model=EMBEDDER)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "model")


@pytest.mark.parametrize("given", [None, [], {}, 5, [[]], [1.5], [True], ["a", 1]])
def test_an_input_that_is_none(dev: Developer, given: object) -> None:
    answer = dev.http.post("/api/llm/embeddings", json={"model": EMBEDDER, "input": given})

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "input")


def test_an_input_beyond_the_context(dev: Developer) -> None:
    Model.objects.filter(name=EMBEDDER).update(context_length=100)

    def ask(given: object) -> Any:
        return dev.http.post("/api/llm/embeddings", json={"model": EMBEDDER, "input": given})

    assert ask(["word " * 60] * 5).status_code == 200
    refused = ask("word " * 600).json()["error"]
    assert (refused["code"], refused["param"]) == ("context_length_exceeded", "input")
