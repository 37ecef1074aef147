"""The search in the documentation: words that begin alike, in headings and in the text below."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from portal.docs import library
from portal.docs.contents import Audience
from portal.docs.rendering import Heading, Rendered

_MOST_WORDS = 8
_SHOWN = 20
_AROUND = 90


@dataclass(frozen=True)
class Found:
    """A place in the documentation that a search has found; ``excerpt`` is plain text."""

    page: str
    heading: Heading
    url: str
    excerpt: str


@dataclass(frozen=True)
class _Match:
    score: int
    page: str
    part: int


@dataclass(frozen=True)
class _Index:
    """The words of a page: of its title, and of each part's heading and text."""

    title: str
    parts: list[tuple[str, str]]


def search(text: str, audience: Audience) -> list[Found]:
    """Find the headings below which all words of ``text`` stand, the best first."""
    words = [each for word in text.split()[:_MOST_WORDS] if (each := _words(word)).strip()]
    if not words:
        return []
    found = [each for name in library.names(audience) for each in _matches(name, words)]
    best = sorted(found, key=lambda each: -each.score)[:_SHOWN]
    return [_found(each, words) for each in best]


def _words(text: str) -> str:
    """Return the words of a text in lower case, with a space before each: " v1 messages"."""
    return "".join(f" {word}" for word in re.findall(r"\w+", text.lower()))


def _matches(name: str, words: list[str]) -> Iterator[_Match]:
    index = _index(name, library.page(name).html)
    for number, (heading, text) in enumerate(index.parts):
        score = _score(index.title, heading, text, words)
        if score:
            yield _Match(score, name, number)


@lru_cache(maxsize=128)
def _index(name: str, html: str) -> _Index:
    """Read a page's words once for each content."""
    page: Rendered = library.page(name)
    parts = [(_words(part.heading.text), _words(" ".join(part.text))) for part in page.parts]
    return _Index(_words(page.title), parts)


def _score(title: str, heading: str, text: str, words: list[str]) -> int:
    """Return 0 unless every word is there; headings count more than the text below them."""
    total = 0
    for word in words:
        in_heading, in_text = word in heading, text.count(word)
        if not in_heading and not in_text:
            return 0
        total += 20 * in_heading + 5 * (word in title) + min(in_text, 5)
    return total


def _found(match: _Match, words: list[str]) -> Found:
    page = library.page(match.page)
    part = page.parts[match.part]
    heading = part.heading
    url = library.url_of(match.page) + (f"#{heading.anchor}" if heading.level > 1 else "")
    return Found(page.title, heading, url, _excerpt(" ".join(part.text), words))


def _excerpt(text: str, words: list[str]) -> str:
    """Return the text around the first word that is there, cut between words."""
    # Without the lines of drawings in text.
    text = re.sub(r"[\s\u2500-\u257f]+", " ", text).strip()
    patterns = (r"(?<!\w)" + r"\W+".join(map(re.escape, word.split())) for word in words)
    matches = (re.search(pattern, text, re.IGNORECASE) for pattern in patterns)
    at = next((found.start() for found in matches if found), 0)
    start = text.find(" ", at - _AROUND) + 1 if at > _AROUND else 0
    end = text.find(" ", at + 2 * _AROUND)
    rest = text[start:] if end < 0 else text[start:end]
    return f"{'… ' if start else ''}{rest}{' …' if end >= 0 else ''}"
