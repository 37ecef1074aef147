"""A small deterministic tokenizer, which the demo upstream counts with.

A piece is up to five ASCII word characters, up to three punctuation marks, or one character of
any other script, each with the space before it; longer runs of whitespace are pieces of up to
four. Long words are split. English comes out at about four characters a token. Nothing is lost:
the pieces joined are the text.
"""

import re

_PIECE = re.compile(r" ?[A-Za-z0-9_]{1,5}| ?[!-/:-@\[-^`{-~]{1,3}| ?\S|\s{1,4}")


def tokenize(text: str) -> list[str]:
    return _PIECE.findall(text)


def count(text: str) -> int:
    return len(_PIECE.findall(text))
