"""The demo upstream's tokenizer loses nothing and counts what it cuts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devserver.upstream.phrases import answer_about, json_passage, passage
from devserver.upstream.tokenizer import count, tokenize


@given(st.text())
def test_pieces_joined_are_the_text(text: str) -> None:
    pieces = tokenize(text)
    assert "".join(pieces) == text
    assert len(pieces) == count(text)


def test_long_words_are_split() -> None:
    assert tokenize("Streaming completions, twice!") == [
        "Strea",
        "ming",
        " compl",
        "etion",
        "s",
        ",",
        " twice",
        "!",
    ]


def test_english_is_about_four_characters_a_token() -> None:
    text = (
        "The quick brown fox jumps over the lazy dog, and then it goes home to read a long"
        " and rather difficult book about the history of the city in which it was born."
    )
    assert 3.5 <= len(text) / count(text) <= 5


@pytest.mark.parametrize("size", [0, 1, 7, 60, 1000])
def test_a_passage_has_just_its_tokens(size: int) -> None:
    pieces = passage(size)
    assert len(pieces) == size
    assert count("".join(pieces)) == size


def test_a_json_passage_has_just_its_tokens() -> None:
    assert len(json_passage(40)) == 40


def test_the_default_answer_names_its_topic_briefly() -> None:
    pieces = answer_about("x " * 500)
    assert 50 <= len(pieces) <= 100
    assert "x x x" in "".join(pieces)
