"""The order of the documentation: sections, and the pages in each of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _

FOLDER: Path = settings.BASE_DIR / "docs"
DIAGRAMS = FOLDER / "diagrams"
INDEX = "index"
RUNBOOKS = "operating/runbooks"
# What the menu calls a page whose heading says something else.
MENU_TITLES = {"overview": "Overview"}
# Pages at the top of the repository, which GitHub looks for there.
OUTSIDE = {
    "overview": "README.md",
    "contributing": "CONTRIBUTING.md",
    "reporting-vulnerabilities": "SECURITY.md",
    "changelog": "CHANGELOG.md",
}


class Audience(StrEnum):
    """Who a section is for."""

    USERS = "users"
    EVERYONE = "everyone"


@dataclass(frozen=True)
class Section:
    """A part of the menu. ``folder``: its further pages are those of this folder of docs/."""

    title: Any
    names: tuple[str, ...]
    audience: Audience = Audience.EVERYONE
    folder: str = ""

    def pages(self) -> Iterator[str]:
        """Yield the names of the pages, in the order of the menu."""
        yield from self.names
        if self.folder:
            found = sorted((FOLDER / self.folder).glob("*.md"))
            yield from (f"{self.folder}/{path.stem}" for path in found)


SECTIONS = (
    Section(
        _("Using it"),
        (INDEX, "first-steps", "clients", "editors", "plans", "limits", "errors", "api"),
        Audience.USERS,
    ),
    Section(
        _("Building on it"),
        ("signing-in", "editor-extension", "usage-reporting", "dialects", "permissions"),
        Audience.USERS,
    ),
    Section(
        _("Running it"),
        (
            "overview",
            "deploying",
            "configuration",
            "staff",
            "staff-dashboard",
            "portal",
            "billing",
            "metrics",
            "operating/one-host",
            "operating/many-hosts",
            "operating/scaling",
            "operating/upgrades",
            "operating/backups",
            "operating/monitoring",
            "operating/maintenance",
            "operating/analytics",
            "operating/drill",
            "troubleshooting",
            "performance",
            "privacy",
            "security",
            "reporting-vulnerabilities",
            "changelog",
        ),
    ),
    Section(_("Runbooks"), (), folder=RUNBOOKS),
    Section(
        _("Changing it"),
        (
            "contributing",
            "architecture",
            "adding",
            "decisions",
            "proxy",
            "tokens",
            "database",
            "modules",
        ),
    ),
)


def file_of(name: str) -> Path:
    """Return the file of a page. Whether it exists is the caller's question."""
    outside = OUTSIDE.get(name)
    return settings.BASE_DIR / outside if outside else FOLDER / f"{name}.md"


def name_of(path: Path) -> str | None:
    """Return the name of the page in a file; None if the menu has none for it."""
    return _names().get(path.resolve())


@cache
def _names() -> dict[Path, str]:
    """Return the names of all pages by their files. Each page has dozens of links to look up."""
    return {file_of(name).resolve(): name for section in SECTIONS for name in section.pages()}


def title_of(name: str, heading: str) -> str:
    """Return what the menu calls a page: alerts are short enough for it without their prefix."""
    if name.startswith(f"{RUNBOOKS}/"):
        return heading.removeprefix("Tokengate")
    return MENU_TITLES.get(name, heading)
