"""The texts of the pages and of email for translators: `locale/` of each app, without gettext.

``python -m devserver.messages`` updates the catalogs from templates and code, and compiles them.
With ``--check`` it changes nothing, and fails if they are out of date or something is untranslated.
"""

import io
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_python
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.template.base import Lexer, TokenType
from django.utils.text import smart_split
from django.utils.translation import trim_whitespace

from core.env import BASE_DIR

APPS = ("core", "accounts", "tokens", "billing", "portal")
LANGUAGES = ("de",)

_KEYWORDS = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
}
_CONSTANT = re.compile(r"""_\((?:"([^"]*)"|'([^']*)')\)""")
_QUOTED = re.compile(r"""(["'])(.*)\1""", re.DOTALL)
# Files that say the same are the same: no time of day.
_MADE = datetime(2026, 1, 1, tzinfo=UTC)

Found = tuple[str | tuple[str, str], str | None]


def main() -> int:
    check = "--check" in sys.argv[1:]
    problems = [problem for app in APPS for problem in _update(app, check=check)]
    for problem in problems:
        print(problem, file=sys.stderr)  # noqa: T201 - a command
    return int(bool(problems))


def texts_of(app: str) -> Catalog:
    """Return the texts of an app, in the order of files and lines."""
    catalog = Catalog(charset="utf-8")
    for path in sorted((BASE_DIR / app).rglob("*")):
        where = path.relative_to(BASE_DIR).as_posix()
        if path.suffix == ".py" and "migrations" not in path.parts:
            with path.open("rb") as file:
                for _line, function, told, _ in extract_python(file, _KEYWORDS, (), {}):
                    text, context = _of_python(str(function), told)
                    if text:
                        catalog.add(text, locations=[(where, 0)], context=context)
        elif path.suffix in (".html", ".txt") and "templates" in path.parts:
            for text, context in of_template(path.read_text()):
                catalog.add(text, locations=[(where, 0)], context=context)
    return catalog


def of_template(source: str) -> Iterator[Found]:
    """Yield the texts that a template marks, as Django looks them up."""
    block: list[str] | None = None
    plural: list[str] | None = None
    trimmed, context = False, None
    for token in Lexer(source).tokenize():
        name = token.contents.split(" ", 1)[0] if token.token_type is TokenType.BLOCK else ""
        if block is None:
            yield from ((text, None) for text in _constants(token.contents, token.token_type))
            if name in ("translate", "trans"):
                yield _of_tag(token.contents)
            elif name in ("blocktranslate", "blocktrans"):
                block, plural = [], None
                trimmed, context = " trimmed" in token.contents, _context(token.contents)
        elif name in ("endblocktranslate", "endblocktrans"):
            parts = ["".join(part) for part in (block, plural) if part is not None]
            parts = [trim_whitespace(part) if trimmed else part for part in parts]
            yield (parts[0] if len(parts) == 1 else (parts[0], parts[1])), context
            block = None
        elif name == "plural":
            plural = []
        else:
            part = block if plural is None else plural
            is_variable = token.token_type is TokenType.VAR
            text = token.contents
            part.append(f"%({text})s" if is_variable else text.replace("%", "%%"))


def _of_python(function: str, told: object) -> Found:
    values = told if isinstance(told, tuple) else (told,)
    texts = [value for value in values if isinstance(value, str)]
    if function.startswith("pgettext") and len(texts) == 2:
        return texts[1], texts[0]
    if function == "ngettext" and len(texts) >= 2:
        return (texts[0], texts[1]), None
    return (texts[0] if texts else ""), None


def _of_tag(contents: str) -> Found:
    quoted = _QUOTED.fullmatch(list(smart_split(contents))[1])
    return (quoted[2].replace("%", "%%") if quoted else ""), _context(contents)


def _context(contents: str) -> str | None:
    parts = list(smart_split(contents))
    return parts[parts.index("context") + 1].strip("\"'") if "context" in parts else None


def _constants(contents: str, kind: TokenType) -> Iterator[str]:
    if kind in (TokenType.BLOCK, TokenType.VAR):
        for double, single in _CONSTANT.findall(contents):
            yield double or single


def _update(app: str, *, check: bool) -> Iterator[str]:
    texts = texts_of(app)
    for language in LANGUAGES:
        folder = BASE_DIR / app / "locale" / language / "LC_MESSAGES"
        known = _read(folder / "django.po", language)
        catalog = Catalog(
            locale=language, charset="utf-8", creation_date=_MADE, revision_date=_MADE,
            project="tokengate", last_translator="", language_team="", header_comment="",
            fuzzy=False,
        )  # fmt: skip
        for message in texts:
            if message.id:
                before = known.get(message.id, message.context)
                text = before.string if before else _empty(message)
                catalog.add(message.id, text, locations=message.locations, context=message.context)
                if not _is_translated(text):
                    yield f"{app}/locale/{language}: not translated: {message.id!r}"
        files = {folder / "django.po": _as_po(catalog), folder / "django.mo": _as_mo(catalog)}
        for path, content in files.items():
            if path.exists() and path.read_bytes() == content:
                continue
            if check:
                yield f"{path.relative_to(BASE_DIR)} is out of date: python -m devserver.messages"
            else:
                folder.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)


def _read(path: Path, language: str) -> Catalog:
    if not path.exists():
        return Catalog(locale=language)
    with path.open("rb") as file:
        return read_po(file, locale=language)


def _empty(message: Message) -> str | tuple[str, str]:
    return "" if isinstance(message.id, str) else ("", "")


def _is_translated(text: object) -> bool:
    return all(text) if isinstance(text, tuple | list) else bool(text)


def _as_po(catalog: Catalog) -> bytes:
    file = io.BytesIO()
    write_po(file, catalog, width=0, no_location=False, include_lineno=False, sort_output=True)
    return re.sub(rb"^# *\n", b"", file.getvalue(), flags=re.MULTILINE)


def _as_mo(catalog: Catalog) -> bytes:
    file = io.BytesIO()
    write_mo(file, catalog)
    return file.getvalue()


if __name__ == "__main__":
    sys.exit(main())
