"""The pages of the documentation, read from their files once, and the search in them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import quote

from django.templatetags.static import static
from django.urls import reverse

from core.links import site_url
from portal.docs import contents
from portal.docs.contents import SECTIONS, Audience, Section
from portal.docs.rendering import Heading, Part, Rendered, render

# Addresses of an example server in the pages: readers see that of this one. On pages for operators
# a local address is that of a process on their own host, such as behind a proxy, and stays.
_EXAMPLE = re.compile(r"https?://api\.example\.com(?![\w.])")
_LOCAL = re.compile(r"http://127\.0\.0\.1:8000(?![\w.])")
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
    score: int


def sections(audience: Audience) -> list[Section]:
    """Return the sections that a visitor sees."""
    everyone = audience is Audience.EVERYONE
    return [each for each in SECTIONS if everyone or each.audience is Audience.USERS]


def names(audience: Audience) -> list[str]:
    """Return the names of the pages that a visitor sees, in the order of the menu."""
    return [name for section in sections(audience) for name in section.pages()]


def url_of(name: str) -> str:
    """Return the URL of a page."""
    return reverse("docs_home") if name == contents.INDEX else reverse("docs_page", args=[name])


def page(name: str) -> Rendered:
    """Return a page of `names`. Raises FileNotFoundError if its file is missing."""
    path = contents.file_of(name)
    of_users = name in names(Audience.USERS)
    return _rendered(path, path.stat().st_mtime_ns, site_url(), of_users)


def search(text: str, audience: Audience) -> list[Found]:
    """Find the headings below which all words of ``text`` stand, the best first."""
    words = [
        re.compile(rf"(?<!\w){re.escape(word)}", re.IGNORECASE)
        for word in text.split()[:_MOST_WORDS]
    ]
    if not words:
        return []
    found = [each for name in names(audience) for each in _search_page(name, words)]
    return sorted(found, key=lambda each: -each.score)[:_SHOWN]


@cache
def _rendered(path: Path, changed: int, here: str, of_users: bool) -> Rendered:
    text = _EXAMPLE.sub(here, path.read_text())
    text = _LOCAL.sub(here, text) if of_users else text
    return render(text, lambda target: _link(path, target), _picture)


def _link(path: Path, target: str) -> str | None:
    file, hash_sign, anchor = target.partition("#")
    name = contents.name_of(path.parent / file)
    return None if name is None else f"{url_of(name)}{hash_sign}{quote(anchor)}"


def _picture(name: str) -> str | None:
    exists = (contents.DIAGRAMS / f"{name}.svg").exists()
    return static(f"docs/{name}.svg") if exists else None


def _search_page(name: str, words: list[re.Pattern[str]]) -> Iterator[Found]:
    rendered = page(name)
    for part in rendered.parts:
        score = _score(part, rendered.title, words)
        if score:
            heading = part.heading
            url = url_of(name) + (f"#{heading.anchor}" if heading.level > 1 else "")
            yield Found(rendered.title, heading, url, _excerpt(part, words), score)


def _score(part: Part, title: str, words: list[re.Pattern[str]]) -> int:
    """Return 0 unless every word is there; headings count more than the text below them."""
    text = " ".join(part.text)
    total = 0
    for word in words:
        in_heading, in_text = bool(word.search(part.heading.text)), len(word.findall(text))
        if not in_heading and not in_text:
            return 0
        total += 20 * in_heading + 5 * bool(word.search(title)) + min(in_text, 5)
    return total


def _excerpt(part: Part, words: list[re.Pattern[str]]) -> str:
    """Return the text around the first word that is there, cut between words."""
    # Without the lines of drawings in text.
    text = re.sub(r"[\s\u2500-\u257f]+", " ", " ".join(part.text)).strip()
    at = next((found.start() for word in words if (found := word.search(text))), 0)
    start = text.find(" ", at - _AROUND) + 1 if at > _AROUND else 0
    end = text.find(" ", at + 2 * _AROUND)
    rest = text[start:] if end < 0 else text[start:end]
    return f"{'… ' if start else ''}{rest}{' …' if end >= 0 else ''}"
