"""The pages of the documentation, read from their files once."""

import re
from functools import cache
from pathlib import Path
from urllib.parse import quote

from django.templatetags.static import static
from django.urls import reverse

from core.links import site_url
from portal.docs import contents
from portal.docs.contents import SECTIONS, Audience, Section
from portal.docs.rendering import Rendered, render

# Addresses of an example server in the pages: readers see that of this one. On pages for operators
# a local address is that of a process on their own host, such as behind a proxy, and stays.
_EXAMPLE = re.compile(r"https?://api\.example\.com(?![\w.])")
_LOCAL = re.compile(r"http://127\.0\.0\.1:8000(?![\w.])")


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
