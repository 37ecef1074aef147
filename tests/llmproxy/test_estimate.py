"""The estimate of a prompt, against counts of real tokenizers."""

import pytest

from llmproxy.protocol.estimate import text_size
from tests.llmproxy.texts import TEXTS

# Nothing that a person or a program writes; the likely figure is out by more than half.
ODD = ("one letter", "emoji", "base64", "indentation", "Polish")


@pytest.mark.parametrize("kind", TEXTS)
def test_no_tokenizer_counts_more_than_the_ceiling(kind: str) -> None:
    text, counts = TEXTS[kind]["text"], TEXTS[kind]["tokens"]

    size = text_size([text], token_ids=0, prompts=1)

    assert max(counts.values()) <= size.ceiling
    assert size.ceiling <= 4 * max(counts.values()) + 8, "too much would be held"


@pytest.mark.parametrize("kind", [kind for kind in TEXTS if kind not in ODD])
def test_what_is_likely_is_about_right(kind: str) -> None:
    text, counts = TEXTS[kind]["text"], TEXTS[kind]["tokens"]

    likely = text_size([text], token_ids=0, prompts=1).likely

    assert min(counts.values()) * 0.6 <= likely <= max(counts.values()) * 1.5


@pytest.mark.parametrize("kind", TEXTS)
def test_no_tokenizer_needs_a_quarter_of_what_is_likely(kind: str) -> None:
    text, counts = TEXTS[kind]["text"], TEXTS[kind]["tokens"]

    likely = text_size([text], token_ids=0, prompts=1).likely

    assert likely < 4 * min(counts.values()), "a prompt that fits would be refused"


def test_all_together_are_right_within_a_quarter() -> None:
    likely = sum(
        text_size([each["text"]], token_ids=0, prompts=1).likely for each in TEXTS.values()
    )
    real = sum(each["tokens"]["o200k_base"] for each in TEXTS.values())

    assert likely == pytest.approx(real, rel=0.25)
