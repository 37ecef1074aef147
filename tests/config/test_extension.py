"""What the editor extension takes for granted of the server, beside the OpenAPI document."""

import re
from pathlib import Path

import pytest
from django.urls import resolve

from accounts.oidc.editors import EDITORS
from accounts.web import error_pages

SOURCE = Path(__file__).parents[2] / "extension" / "src"


def quoted(text: str) -> list[str]:
    return re.findall(r'"([^"]+)"', text)


def pages() -> list[str]:
    table = re.search(r"PAGES = \{(.*?)\}", (SOURCE / "api/pages.ts").read_text(), re.DOTALL)
    assert table
    return quoted(table[1])


@pytest.mark.parametrize("path", pages())
def test_the_pages_that_it_opens_exist(path: str) -> None:
    assert resolve(path).func is not error_pages.not_found


def test_its_editors_are_those_that_are_registered() -> None:
    text = (SOURCE / "signIn/editors.ts").read_text()
    known = re.search(r"KNOWN = \[(.*?)\]", text, re.DOTALL)
    other = re.search(r'OTHER = "([^"]+)"', text)
    assert known
    assert other
    assert quoted(known[1]) == [editor.scheme for editor in EDITORS if editor.redirects]
    assert [other[1]] == [editor.scheme for editor in EDITORS if not editor.redirects]
