"""docs/configuration.md: every setting with its default and meaning, from `.env.example`.

``python -m devserver.configuration_page`` prints the page, ``--write`` writes it; a test compares
the two, and another compares `.env.example` with the settings that the code reads.
"""

import re
from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from core.env import BASE_DIR
from devserver.generated import write_or_print

_HEAD = """# Configuration

All settings are environment variables. In a checkout, they are also read from `.env`. This page is
written by `python -m devserver.configuration_page --write` from [`.env.example`](../.env.example).

A default is the one in production; without one, the setting is empty.
"""
_SECTION = re.compile(r"# --- (.+) ---$")
_SETTING = re.compile(r"#([A-Z][A-Z0-9_]*)=(.*)$")


class Setting(NamedTuple):
    """One variable. Variables in a row share the comment above the first one."""

    section: str
    name: str
    default: str
    meaning: str

    @property
    def group(self) -> tuple[str, str]:
        return self.section, self.meaning


def settings(text: str) -> Iterator[Setting]:
    """Read the settings of a file like `.env.example`."""
    section, comment, is_complete = "", "", False
    for line in text.splitlines():
        if found := _SECTION.match(line):
            section, comment = found[1], ""
        elif found := _SETTING.match(line):
            yield Setting(section, found[1], found[2], comment)
            is_complete = True
        elif line.startswith("# "):
            comment = line[2:] if is_complete or not comment else f"{comment} {line[2:]}"
            is_complete = False
        else:
            comment, is_complete = "", False


def page() -> str:
    """Return the page, in Markdown: a table for each section."""
    lines = [_HEAD.rstrip()]
    found = settings((BASE_DIR / ".env.example").read_text())
    last = None
    for (section, meaning), group in groupby(found, key=lambda setting: setting.group):
        if section != last:
            lines += ["", f"## {section}", "", "| setting | default | meaning |", "|---|---|---|"]
            last = section
        lines.append(_row(list(group), meaning))
    return "\n".join(lines) + "\n"


def _row(group: list[Setting], meaning: str) -> str:
    names = "<br>".join(f"`{setting.name}`" for setting in group)
    defaults = "<br>".join(f"`{setting.default}`" if setting.default else "" for setting in group)
    return f"| {names} | {defaults.strip('<br>')} | {meaning} |"


if __name__ == "__main__":
    write_or_print("configuration.md", page())
