"""Every page is in the list of the README, and every link leads to a page and a heading."""

import re
from pathlib import Path

import pytest

from portal.docs.rendering import anchor_of
from tests.docs.pages import PAGES
from tests.webserver import ROOT

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)


def _anchors(page: Path) -> set[str]:
    """Return the anchors of a page, as GitHub makes them of its headings."""
    headings = (
        re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", h) for h in _HEADING.findall(page.read_text())
    )
    return {anchor_of(heading) for heading in headings}


def _broken(page: Path, link: str) -> bool:
    name, _, anchor = link.partition("#")
    target = page.parent / name if name else page
    return not target.exists() or bool(anchor and anchor not in _anchors(target))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_link_is_dead(page: Path) -> None:
    links = _LINK.findall(_CODE.sub("", page.read_text()))

    assert [link for link in links if "://" not in link and _broken(page, link)] == []


def test_every_page_can_be_found_from_the_readme() -> None:
    found, queue = set[Path](), [ROOT / "README.md"]
    while queue:
        page = queue.pop()
        if page in found or page.suffix != ".md" or not page.exists():
            continue
        found.add(page)
        links = _LINK.findall(page.read_text())
        queue += [
            (page.parent / link.partition("#")[0]).resolve() for link in links if "://" not in link
        ]

    assert [str(page.relative_to(ROOT)) for page in PAGES if page not in found] == []
