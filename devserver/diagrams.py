"""Draws the Mermaid diagrams of the documentation: `make diagrams`.

Pages show docs/diagrams/<digest of the source>.svg. The site's Content-Security-Policy allows no
inline styles, so Mermaid cannot draw in the reader's browser.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from core.env import BASE_DIR
from portal.docs.rendering import diagram_name

FOLDER = BASE_DIR / "docs" / "diagrams"
_BLOCK = re.compile(r"^```mermaid\n(.*?)^```$", re.DOTALL | re.MULTILINE)
# As an image an SVG must be well-formed XML, and have a size of its own.
_DRAW = """async (text) => {
  const holder = document.createElement("div");
  holder.innerHTML = (await mermaid.render("d", text)).svg;
  const svg = holder.firstElementChild;
  const { width, height } = svg.viewBox.baseVal;
  svg.setAttribute("width", Math.ceil(width));
  svg.setAttribute("height", Math.ceil(height));
  return new XMLSerializer().serializeToString(svg);
}"""
_SETTINGS = """{
  startOnLoad: false, theme: "neutral", deterministicIds: true, flowchart: { htmlLabels: false },
}"""


def sources() -> Iterator[str]:
    """Yield the source of every diagram in docs/."""
    for page in sorted((BASE_DIR / "docs").rglob("*.md")):
        yield from _BLOCK.findall(page.read_text())


def expected() -> set[str]:
    """Return the file names that docs/diagrams must have."""
    return {f"{diagram_name(source)}.svg" for source in sources()}


def draw(mermaid: Path) -> list[str]:
    """Draw what is missing with this build of Mermaid, delete what is not used. Returns the new."""
    from playwright.sync_api import sync_playwright

    FOLDER.mkdir(exist_ok=True)
    drawn: list[str] = []
    with sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page()
        page.add_script_tag(path=str(mermaid))
        page.evaluate(f"mermaid.initialize({_SETTINGS})")
        for source in sources():
            target = FOLDER / f"{diagram_name(source)}.svg"
            if not target.exists():
                svg = page.evaluate(_DRAW, source)
                target.write_text(svg + "\n")
                drawn.append(target.name)
        browser.close()
    for old in {path.name for path in FOLDER.glob("*.svg")} - expected():
        (FOLDER / old).unlink()
    return drawn


if __name__ == "__main__":
    sys.stdout.write("".join(f"docs/diagrams/{name}\n" for name in draw(Path(sys.argv[1]))))
