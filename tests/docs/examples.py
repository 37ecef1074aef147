"""The code blocks of the documentation, and how they are run."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(
    r"(?:<!-- not run: (?P<reason>[^>]+?) -->\n+)?"
    r"^(?P<indent> *)```(?P<language>\w*)\n(?P<code>.*?)^ *```$",
    re.DOTALL | re.MULTILINE,
)
_HERE = re.compile(r"https?://(?:127\.0\.0\.1:8000|api\.example\.com)")


@dataclass(frozen=True)
class Block:
    """A block of code. ``reason``: why it is not run; empty if it is."""

    page: Path
    line: int
    language: str
    code: str
    reason: str


def blocks(page: Path) -> Iterator[Block]:
    """Yield the blocks of a page."""
    text = page.read_text()
    for found in _BLOCK.finditer(text):
        code = re.sub(rf"^{found['indent']}", "", found["code"], flags=re.MULTILINE)
        line = text.count("\n", 0, found.start("language")) + 1
        yield Block(page, line, found["language"], code, found["reason"] or "")


def queries(block: Block) -> Iterator[str]:
    """Yield the SQL of a block, but for what has a part to be filled in."""
    found = re.findall(r"""psql -c (["'])(.+?)\1""", block.code, re.DOTALL)
    texts = [block.code] if block.language == "sql" else [text for _, text in found]
    yield from (text for text in texts if not re.search(r"<\w+>|…", text))


def script(language: str, found: list[Block], url: str) -> str:
    """Return one program that runs these blocks, each in its own scope, against this server."""
    return "\n".join(_scoped(language, each, _HERE.sub(url, each.code)) for each in found)


def _scoped(language: str, block: Block, code: str) -> str:
    where = f"{block.page.name}:{block.line}"
    if language == "python":
        return f"exec(compile({code!r}, {where!r}, 'exec'), {{'__name__': '__main__'}})"
    if language == "ts":
        return f"{{ // {where}\n{code}}}"
    return f"echo {where} >&2\n(\n{code}\n)"
