"""The documentation is in plain English: words not to use, and sentences of bounded length."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from tests.docs.pages import PAGES

LONGEST = 40  # words, where a semicolon and the dot of a list end a sentence, too

# What we don't write, and what to write instead.
WORDS = {
    r"simply|just|easily|easy|obviously|of course|basically|actually|very": "nothing",
    r"please": "the imperative",
    r"seamless(ly)?|robust|powerful|blazing(ly)?|effortless(ly)?|best-in-class": "a fact",
    r"utili[sz]es?|leverages?": "use",
    r"whitelists?|blacklists?": "allow list, deny list",
    r"masters?|slaves?": "primary, standby",
    r"sanity checks?": "check",
    r"e-mails?|mails": "email",
    r"in order to": "to",
    r"aforementioned|hereby|thereof|whilst|thus|hence": "this, so, while",
    r"via": "through, by, with",
    r"behaviour|colour|authorise|cancelled|cancelling|licence": "American spelling",
    r"i\.e\.|e\.g\.": "that is, such as",
}
# "just" in time or amount has a meaning of its own; "mails" is a verb in none of our pages.
ALLOWED = re.compile(r"(was|were|has|have) just|just (now|before|after|as)", re.IGNORECASE)


def prose(page: Path) -> Iterator[tuple[int, str]]:
    """Yield each paragraph, heading and cell with its line, without code and links' addresses."""
    line = 0
    for token in MarkdownIt("commonmark").enable("table").parse(page.read_text()):
        line = token.map[0] + 1 if token.map else line
        if token.type == "inline":
            parts = (
                each.content
                if each.type == "text"
                else " code "
                if each.type == "code_inline"
                else " "
                for each in token.children or []
            )
            yield line, "".join(parts)


def sentences(text: str) -> list[str]:
    return re.split(r"(?<=[.!?:;·])\s+", text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_page_has_a_word_that_we_do_not_use(page: Path) -> None:
    found = [
        f"line {line}: {match[0]!r}: write {instead}"
        for line, text in prose(page)
        for pattern, instead in WORDS.items()
        for match in re.finditer(rf"\b({pattern})\b", ALLOWED.sub("", text), re.IGNORECASE)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_sentence_is_too_long(page: Path) -> None:
    found = [
        f"line {line}: {words} words: {sentence}"
        for line, text in prose(page)
        for sentence in sentences(text)
        if (words := len(re.findall(r"[\w'-]+", sentence))) > LONGEST
    ]
    assert not found, "\n".join(found)
