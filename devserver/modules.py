"""docs/modules.md: the first docstring sentence of each module.

``python -m devserver.modules`` prints the page, ``--write`` writes it; a test compares the two.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

from core.env import BASE_DIR
from devserver.generated import write_or_print

PACKAGES = (
    *(
        "config",
        "adminpanel",
        "billing",
        "llmproxy",
        "portal",
        "apikeys",
        "tokens",
        "accounts",
        "core",
    ),
    "devserver",
)
_HEAD = """# Modules

The first sentence of each module's docstring, written by `python -m devserver.modules --write`.
[architecture.md](architecture.md) explains how the parts work together.
"""


def page() -> str:
    """Return the page, in Markdown: a section for each package, a line for each module."""
    sections = ("\n".join([f"## {name}", "", *_lines(BASE_DIR / name)]) for name in PACKAGES)
    return "\n\n".join([_HEAD.rstrip(), *sections]) + "\n"


def undocumented() -> list[str]:
    """Return the modules that have code and no docstring."""
    return [str(file) for name in PACKAGES for file in _modules(BASE_DIR / name) if not _says(file)]


def _lines(package: Path) -> Iterator[str]:
    for file in _modules(package):
        if says := _says(file):
            yield f"- `{file.relative_to(BASE_DIR)}`: {says}"


def _modules(package: Path) -> list[Path]:
    """Those with code, files before folders."""
    found = (file for file in package.rglob("*.py") if "migrations" not in str(file.parent))
    return sorted((f for f in found if f.read_text().strip()), key=_order)


def _order(file: Path) -> tuple[tuple[bool, str], ...]:
    parts = file.relative_to(BASE_DIR).parts
    return tuple((index < len(parts) - 1, part) for index, part in enumerate(parts))


def _says(file: Path) -> str:
    docstring = ast.get_docstring(ast.parse(file.read_text())) or ""
    return " ".join(docstring.partition("\n\n")[0].split())


if __name__ == "__main__":
    write_or_print("modules.md", page())
