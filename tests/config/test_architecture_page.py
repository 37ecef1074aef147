"""The tour of docs/architecture.md passes every file of every app."""

import re

import pytest

from tests.webserver import ROOT

_PAGE = (ROOT / "docs" / "architecture.md").read_text()
_ROOMS = dict(re.findall(r"^### (\w+).*?\n(.*?)(?=^##)", _PAGE, re.DOTALL | re.MULTILINE))
_EVERYWHERE = set(re.findall(r"`(\w+)`", _PAGE.partition("## Rooms")[2].partition("###")[0]))


@pytest.mark.parametrize("app", sorted(set(_ROOMS) - {"tests"}))
def test_it_works(app: str) -> None:
    files = {file.stem for file in (ROOT / app).glob("*.py")} - {"__init__"}

    assert files - _EVERYWHERE - set(re.findall(r"`(\w+)`", _ROOMS[app])) == set()


@pytest.mark.parametrize("app", sorted(set(_ROOMS) - {"tests"}))
def test_what_it_names_is_there(app: str) -> None:
    named = set(re.findall(r"`(\w+)/?`", _ROOMS[app]))
    there = {file.stem for file in (ROOT / app).iterdir()}

    assert named - there <= {"api", "SVG"}


def test_no_app_is_missing() -> None:
    apps = {file.parent.name for file in ROOT.glob("*/__init__.py")}

    assert apps == set(_ROOMS)
