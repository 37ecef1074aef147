"""What a model's context allows: the estimate of a prompt refuses nothing that may fit."""

from typing import Any

import pytest

from llmproxy.models import Model
from tests.developer import MODEL, Developer, Make
from tests.fakes.upstream_process import UpstreamProcess
from tests.llmproxy.texts import TEXTS

CONTEXT = 1_000


@pytest.fixture
def dev(developer: Make, upstream: UpstreamProcess) -> Developer:
    dev = developer()
    Model.objects.filter(name=MODEL).update(context_length=CONTEXT)
    upstream.clear()
    return dev


def prompt(kind: str, share: float) -> str:
    """A text of a kind that takes such a share of the context, as its best tokenizer counts."""
    text: str = TEXTS[kind]["text"]
    tokens = min(TEXTS[kind]["tokens"].values())
    return (text * CONTEXT)[: round(len(text) * share * CONTEXT / tokens)]


def asked(upstream: UpstreamProcess) -> Any:
    (entry,) = upstream.journal()
    return entry["params"]["max_tokens"]


@pytest.mark.parametrize("kind", ["English prose", "Russian", "Hindi", "Thai", "Arabic"])
def test_a_limit_of_the_client_s_is_not_lowered(
    dev: Developer, upstream: UpstreamProcess, kind: str
) -> None:
    assert dev.chat(prompt(kind, 0.45), max_tokens=400).status_code == 200

    assert asked(upstream) == 400


@pytest.mark.parametrize(
    ("share", "least", "most"), [(0.1, 700, 1000), (0.45, 62, 600), (0.9, 62, 100)]
)
def test_without_one_there_is_room_beside_the_prompt(
    dev: Developer, upstream: UpstreamProcess, share: float, least: int, most: int
) -> None:
    assert dev.chat(prompt("English prose", share)).status_code == 200

    assert least <= asked(upstream) <= most


def test_a_prompt_that_fits_by_no_tokenizer_is_refused(dev: Developer) -> None:
    answer = dev.chat("word " * 20 * CONTEXT, max_tokens=5)

    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "context_length_exceeded")
    assert error["param"] == "messages"
