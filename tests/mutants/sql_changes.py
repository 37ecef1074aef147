"""The mutants of the ledger's SQL: a function of ``tokens/sql``, changed in one place."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.upgrades.released import ROOT

SQL = ROOT / "tokens" / "sql"
_FUNCTION = re.compile(
    r"^CREATE OR REPLACE FUNCTION (?P<name>\w+)\b.*?\$\$(?P<body>.*?)\$\$;",
    re.MULTILINE | re.DOTALL,
)
# Each operator, and what it becomes.
_CHANGES = [
    (r"<=", "<"),
    (r">=", ">"),
    (r"(?<![<>=:-])<(?![=>])", "<="),
    (r"(?<![<>=:-])>(?![=>])", ">="),
    (r"<>", "="),
    (r"(?<![<>=:])=(?!>)", "<>"),
    (r" \+ ", " - "),
    (r" - ", " + "),
    (r"(?<=[\s(,])-(?=\w)", ""),
    (r"\bLEAST\(", "GREATEST("),
    (r"\bGREATEST\(", "LEAST("),
    (r"\bAND\b", "OR"),
    (r"\bOR\b", "AND"),
    (r"\bNOT (?!NULL\b)", ""),
    (r"\bIS NOT NULL\b", "IS NULL"),
    (r"\bIS NULL\b", "IS NOT NULL"),
    (r"\bDESC\b", "ASC"),
    (r"\bORDER BY (\w+)(?=[;)\s])", r"ORDER BY \1 DESC"),
    (r" FOR UPDATE(?! OF)", ""),
    (r" SKIP LOCKED", ""),
    (r"\bLIMIT at_most\b", ""),
    (r"\btrue\b", "false"),
    (r"\bfalse\b", "true"),
    (r"^ *PERFORM tokens_\w+\([^;]*\);$", "NULL;"),
]


@dataclass(frozen=True)
class Mutant:
    """One change in one line of one function. ``source`` defines the function with it."""

    file: str
    function: str
    before: str
    after: str
    original: str
    source: str

    def __str__(self) -> str:
        return f"{self.file} {self.function}: {self.before.strip()} → {self.after.strip()}"

    @property
    def key(self) -> str:
        """What the mutant is, whatever else its file has."""
        return hashlib.sha256(self.source.encode()).hexdigest()[:16]


def mutants(file: Path) -> Iterator[Mutant]:
    """Return every change of a file's functions that is not one of a comment."""
    for function in _FUNCTION.finditer(file.read_text()):
        text = function.group()
        body = function.start("body") - function.start()
        head, lines = text[:body], text[body:].splitlines()
        for number, line in enumerate(lines):
            for after in _changed(line.split("--")[0].rstrip()):
                source = head + "\n".join([*lines[:number], after, *lines[number + 1 :]])
                yield Mutant(file.name, function["name"], line, after, text, source)


def _changed(code: str) -> Iterator[str]:
    for pattern, replacement in _CHANGES:
        for match in re.finditer(pattern, code):
            yield code[: match.start()] + match.expand(replacement) + code[match.end() :]
