"""Markdown to HTML, with the anchors that GitHub gives headings. Pure: no files, no URLs."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from html import escape

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

_MENU_LEVELS = ("h2", "h3")
_LANGUAGES = {"jsonc": "json", "env": "sh"}

Resolve = Callable[[str], str | None]


@dataclass(frozen=True)
class Heading:
    """``level`` is 1 to 6, ``anchor`` unique in the page."""

    level: int
    text: str
    anchor: str


@dataclass
class Part:
    """What stands below one heading, as plain text: a search finds these."""

    heading: Heading
    text: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Rendered:
    """A page as HTML; ``parts[0].heading`` is its title."""

    html: str
    parts: Sequence[Part]

    @property
    def title(self) -> str:
        return self.parts[0].heading.text

    @property
    def menu(self) -> list[Heading]:
        """The headings of a table of contents."""
        return [part.heading for part in self.parts if part.heading.level in (2, 3)]


def anchor_of(text: str) -> str:
    """Return the anchor that GitHub gives the first heading with this text."""
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")


def diagram_name(source: str) -> str:
    """Return the name of a Mermaid diagram's picture: a digest of its source."""
    return sha256(source.strip().encode()).hexdigest()[:16]


def render(text: str, link: Resolve, picture: Resolve) -> Rendered:
    """Render a page.

    ``link`` turns the target of a relative link into a URL, or returns None where there is no page
    for it: then only the text is shown. ``picture`` returns the URL of a Mermaid diagram's picture
    by its name, or None: then its source is shown.
    """
    tokens = _parser().parse(text)
    parts = _number_headings(tokens)
    _resolve_links(tokens, link)
    _open_tables(tokens)
    renderer = _Renderer(picture)
    return Rendered(renderer.render(tokens, _OPTIONS, {}), parts)


def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


_OPTIONS: OptionsDict = _parser().options


def _number_headings(tokens: Sequence[Token]) -> list[Part]:
    """Give headings their anchors, and collect the text below each of them."""
    parts = [Part(Heading(1, "", ""))]
    used: dict[str, int] = {}
    for at, token in enumerate(tokens):
        if token.type == "heading_open":
            words = _text(tokens[at + 1])
            anchor = anchor_of(words)
            seen = used.get(anchor, 0)
            used[anchor] = seen + 1
            anchor = f"{anchor}-{seen}" if seen else anchor
            token.attrSet("id", anchor)
            parts.append(Part(Heading(int(token.tag[1]), words, anchor)))
        elif token.type == "inline" and tokens[at - 1].type != "heading_open":
            parts[-1].text.append(_text(token))
        elif token.type == "fence" and token.info != "mermaid":
            parts[-1].text.append(token.content)
    return parts[1:] or parts


def _text(token: Token) -> str:
    """Return the words of an inline token, without its marks."""
    children = token.children or []
    words = (" " if child.type == "softbreak" else child.content for child in children
             if child.type in ("text", "code_inline", "softbreak"))  # fmt: skip
    return "".join(words)


def _resolve_links(tokens: Sequence[Token], link: Resolve) -> None:
    for token in tokens:
        opened: list[Token] = []
        for child in token.children or []:
            if child.type == "link_open":
                opened.append(child)
                _resolve(child, link)
            elif child.type == "link_close" and opened:
                child.tag = opened.pop().tag


def _resolve(token: Token, link: Resolve) -> None:
    target = str(token.attrGet("href") or "")
    if target.startswith(("#", "mailto:")):
        return
    if "://" in target:
        token.attrSet("rel", "noopener")
        return
    url = link(target)
    if url is None:
        token.tag, token.attrs = "span", {}
    else:
        token.attrSet("href", url)


def _open_tables(tokens: list[Token]) -> None:
    """Wrap each table, so that a wide one scrolls by itself; a keyboard reaches it."""
    for at in range(len(tokens) - 1, -1, -1):
        if tokens[at].type == "table_close":
            tokens.insert(at + 1, Token("wrap_close", "div", -1, block=True))
        elif tokens[at].type == "table_open":
            wrap = Token("wrap_open", "div", 1, block=True)
            wrap.attrs = {"class": "scroll", "tabindex": "0"}
            tokens.insert(at, wrap)


class _Renderer(RendererHTML):
    """Headings link to themselves, code is highlighted, diagrams are pictures, no comments."""

    def __init__(self, picture: Resolve) -> None:
        super().__init__()
        self._picture = picture
        self._blocks = 0

    def heading_close(
        self, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType
    ) -> str:
        anchor = tokens[at - 2].attrGet("id")
        sign = (
            f'<a class="anchor" href="#{anchor}" aria-label="#">#</a>'
            if tokens[at].tag in _MENU_LEVELS
            else ""
        )
        return f"{sign}</{tokens[at].tag}>\n"

    def fence(self, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType) -> str:
        token = tokens[at]
        language = token.info.strip().split(" ")[0]
        if language == "mermaid" and (url := self._picture(diagram_name(token.content))):
            image = f'<img src="{escape(url)}" alt="{_alternative(tokens, at)}" loading="lazy">'
            return f'<figure class="diagram" tabindex="0">{image}</figure>\n'
        self._blocks += 1
        return self.block(token.content, language, f"code-{self._blocks}")

    def code_block(
        self, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType
    ) -> str:
        self._blocks += 1
        return self.block(tokens[at].content, "", f"code-{self._blocks}")

    def html_block(
        self, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType
    ) -> str:
        content = tokens[at].content
        return "" if content.startswith("<!--") else content

    def html_inline(
        self, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType
    ) -> str:
        return self.html_block(tokens, at, options, env)

    def block(self, code: str, language: str, name: str) -> str:
        """Return a block of code with the button that copies it (site.js)."""
        lines = _highlighted(code, language)
        return (
            f'<div class="code"><pre tabindex="0"><code id="{name}">{lines}</code></pre>'
            f'<button type="button" class="button quiet small script" data-copy="{name}" '
            f'data-copied="Copied"><span>Copy</span></button></div>\n'
        )


def _alternative(tokens: Sequence[Token], at: int) -> str:
    """Describe a diagram by the heading above it."""
    above = (
        _text(tokens[k + 1]) for k in range(at - 1, -1, -1) if tokens[k].type == "heading_open"
    )
    return escape(f"Diagram: {next(above, '')}")


def _highlighted(code: str, language: str) -> str:
    try:
        lexer = get_lexer_by_name(_LANGUAGES.get(language, language))
    except ClassNotFound:
        return escape(code)
    return highlight(code, lexer, HtmlFormatter(nowrap=True))
