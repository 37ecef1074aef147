import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apikeys import secrets

_LETTERS = string.ascii_letters + string.digits


def test_a_new_key_is_well_formed_and_its_digest_hides_it() -> None:
    key = secrets.new_key()
    assert re.fullmatch(r"tgk_[0-9A-Za-z]{46}", key)
    assert secrets.is_well_formed(key)
    assert re.fullmatch(r"[0-9a-f]{64}", secrets.digest(key))
    assert key not in secrets.digest(key)


def test_no_two_new_keys_are_equal() -> None:
    assert len({secrets.new_key() for _ in range(100)}) == 100


@given(position=st.integers(4, 49), letter=st.sampled_from(_LETTERS))
def test_every_typo_is_noticed(position: int, letter: str) -> None:
    key = secrets.derived_key("any secret")
    typo = key[:position] + letter + key[position + 1 :]
    assert secrets.is_well_formed(typo) == (typo == key)


@pytest.mark.parametrize(
    "text", ["", "tgk_", "x", "tgk_" + "0" * 46, "sk-" + "a" * 47, "tgk_" + "é" * 46, "\0" * 50]
)
def test_what_is_no_key(text: str) -> None:
    assert not secrets.is_well_formed(text)


@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_any_text_is_judged(text: str) -> None:
    assert not secrets.is_well_formed(text)
    assert not secrets.is_well_formed(secrets.PREFIX + text)


def test_a_derived_key_is_always_the_same() -> None:
    assert secrets.derived_key("a") == secrets.derived_key("a") != secrets.derived_key("b")
    assert secrets.is_well_formed(secrets.derived_key("a"))
