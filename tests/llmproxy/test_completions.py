"""Legacy completions through the proxy, by the real `openai` package."""

from typing import Any

import openai
import pytest

from tests.developer import MODEL, Developer, Make
from tests.factories import ModelFactory
from tests.fakes.upstream_process import UpstreamProcess
from tokens.ledger.verify import verify


def completions(dev: Developer) -> Any:
    ai = openai.OpenAI(base_url=f"{dev.http.base_url}/api/llm", api_key=dev.key, max_retries=0)
    return ai.completions


def test_a_legacy_completion_is_relayed_and_charged_by_its_usage(developer: Make) -> None:
    dev = developer()

    answer = completions(dev).create(model=MODEL, prompt="Once upon [[n=30]]", max_tokens=50)

    assert answer.choices[0].text
    assert answer.usage.completion_tokens == 30
    (receipt,) = dev.receipts
    assert (receipt.endpoint, receipt.source) == ("completions", "reported")
    assert dev.balance.used == receipt.charged == answer.usage.total_tokens
    assert verify() == []


def test_a_legacy_stream_is_relayed_and_charged(developer: Make) -> None:
    dev = developer()

    stream = completions(dev).create(
        model=MODEL,
        prompt="[[n=12]]",
        max_tokens=50,
        stream=True,
        stream_options={"include_usage": True},
    )
    *chunks, last = list(stream)

    assert "".join(chunk.choices[0].text for chunk in chunks)
    assert last.usage.completion_tokens == 12
    assert dev.balance.used == last.usage.total_tokens


def test_the_text_of_a_stream_without_usage_is_counted(developer: Make) -> None:
    dev = developer()

    list(
        completions(dev).create(
            model=MODEL, prompt="[[n=40,fault=no_usage]]", max_tokens=50, stream=True
        )
    )

    (receipt,) = dev.receipts
    assert (receipt.status, receipt.source) == ("ok", "estimated")
    assert receipt.completion_tokens == pytest.approx(40, rel=0.5)


def test_a_stream_that_passes_its_hold_ends_as_one_that_is_full(developer: Make) -> None:
    dev = developer()

    *_, last = completions(dev).create(
        model=MODEL, prompt="[[n=5000,d=1,fault=deaf]]", max_tokens=20, n=2, stream=True
    )

    ends = [(choice.index, choice.text, choice.finish_reason) for choice in last.choices]
    assert ends == [(0, "", "length"), (1, "", "length")]


def test_every_prompt_and_draft_is_held_for(developer: Make, upstream: UpstreamProcess) -> None:
    dev = developer()
    create = completions(dev).with_raw_response.create

    def held(**fields: Any) -> int:
        return int(create(model=MODEL, max_tokens=100, **fields).headers["x-tokens-reserved"])

    one = held(prompt="[[n=1]]")
    assert held(prompt=["[[n=1]]", "b", "c"]) >= one + 200
    assert held(prompt="[[n=1]]", n=2, best_of=5) == one + 400
    assert held(prompt=[[1, 2, 3], [4]]) == 2 * 100 + 4 + 2 * 8


def test_without_a_limit_it_is_short_everywhere(developer: Make, upstream: UpstreamProcess) -> None:
    dev = developer()
    upstream.clear()

    completions(dev).create(model=MODEL, prompt="[[n=100]]")

    assert upstream.journal()[-1]["params"]["max_tokens"] == 16


def test_an_echo_is_not_charged_as_output(developer: Make) -> None:
    dev = developer()

    completions(dev).create(
        model=MODEL, prompt="word " * 400 + "[[n=5,fault=no_usage]]", echo=True, max_tokens=5
    )

    (receipt,) = dev.receipts
    assert (receipt.source, receipt.completion_tokens) == ("estimated", 0)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": None}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": 5}, "prompt"),
        ({"prompt": ["a", 5]}, "prompt"),
        ({"prompt": [1, "a"]}, "prompt"),
        ({"prompt": [[1], []]}, "prompt"),
        ({"prompt": [-1]}, "prompt"),
        ({"prompt": [2**70]}, "prompt"),
        ({"prompt": {"text": "a"}}, "prompt"),
        ({"prompt": ["a"] * 5000}, "prompt"),
        ({"best_of": 21}, "best_of"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"echo": "yes"}, "echo"),
        ({"suffix": 5}, "suffix"),
    ],
)
def test_wrong_types_name_the_field(developer: Make, fields: dict[str, object], param: str) -> None:
    body = {"model": MODEL, "prompt": "hello", **fields}

    answer = developer().http.post("/api/llm/completions", json=body)

    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["param"] == param


def test_an_embedding_model_is_of_the_wrong_kind(developer: Make) -> None:
    dev = developer()
    ModelFactory.create(name="an/embedder", kind="embedding").routes.create(
        provider="demo", upstream_name="openai/text-embedding-3-small"
    )

    with pytest.raises(openai.BadRequestError) as refused:
        completions(dev).create(model="an/embedder", prompt="hello")
    assert refused.value.param == "model"
    assert dev.receipts == []
