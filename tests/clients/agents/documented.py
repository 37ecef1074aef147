"""The settings of docs/clients.md, as its readers copy them."""

import re
import shlex

from tests.clients.agents.running import Place
from tests.webserver import ROOT

_PAGE = (ROOT / "docs/clients.md").read_text()


def settings(client: str, language: str, place: Place) -> str:
    """Return the block of settings in the client's section, with what its words stand for."""
    section = next(one for one in _PAGE.split("\n### ") if one.startswith(client))
    block = section.partition(f"```{language}\n")[2].partition("```")[0]
    assert block, f"docs/clients.md has no {language} for {client}"
    words = {"B": place.url, "KEY": place.key, "MODEL": place.model}
    return re.sub(r"\b(B|KEY|MODEL)\b", lambda found: words[found[0]], block)


def exports(client: str, place: Place) -> dict[str, str]:
    """Return the variables that the section has exported."""
    lines = settings(client, "sh", place).splitlines()
    said = [line.removeprefix("export ") for line in lines if line.startswith("export ")]
    return {name: value for name, _, value in (line.partition("=") for line in said)}


def arguments(client: str, start: str, place: Place) -> list[str]:
    """Return the words of the command that starts like this, behind the program's name."""
    lines = settings(client, "sh", place).splitlines()
    return shlex.split(next(line for line in lines if line.startswith(start)))[1:]
