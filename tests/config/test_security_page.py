"""docs/security.md names every chapter of ASVS 5.0, and only files that there are."""

import re

import pytest

from tests.config.env_example import DOCUMENTED
from tests.webserver import ROOT

PAGE = (ROOT / "docs" / "security.md").read_text()
# Chapters, and how many requirements of levels 1 and 2 each has in version 5.0.0.
CHAPTERS = {
    "V1 Encoding and Sanitization": 27,
    "V2 Validation and Business Logic": 11,
    "V3 Web Frontend Security": 19,
    "V4 API and Web Service": 10,
    "V5 File Handling": 9,
    "V6 Authentication": 35,
    "V7 Session Management": 18,
    "V8 Authorization": 7,
    "V9 Self-contained Tokens": 7,
    "V10 OAuth and OIDC": 29,
    "V11 Cryptography": 14,
    "V12 Secure Communication": 9,
    "V13 Configuration": 13,
    "V14 Data Protection": 9,
    "V15 Secure Coding and Architecture": 13,
    "V16 Security Logging and Error Handling": 16,
    "V17 WebRTC": 7,
}
# Files below tests/, some with the name of a test.
NAMED = sorted(set(re.findall(r"`([a-z]+/[a-z_0-9]+\.py)(?:::(\w+))?`", PAGE)))
SETTINGS = sorted(set(re.findall(r"`([A-Z][A-Z0-9]*_[A-Z0-9_]+)`", PAGE)))


def test_every_chapter_is_there_with_its_number_of_requirements() -> None:
    found = dict(re.findall(r"^### (V\d+ [^(\n]+) \((\d+)\)$", PAGE, re.MULTILINE))

    assert {name: int(count) for name, count in found.items()} == CHAPTERS
    assert f"All {sum(CHAPTERS.values())} requirements" in PAGE


@pytest.mark.parametrize(("file", "test"), NAMED)
def test_every_test_that_is_named_exists(file: str, test: str) -> None:
    text = (ROOT / "tests" / file).read_text()

    assert not test or re.search(rf"def {test}\(", text)


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_that_is_named_exists(name: str) -> None:
    assert name in DOCUMENTED


def test_nothing_is_left_to_be_filled_in() -> None:
    text = PAGE + (ROOT / "SECURITY.md").read_text()

    assert re.findall(r"(?i)placeholder|example\.(?:com|org)|todo|tbd|@", text) == []


def test_every_chapter_that_holds_names_a_file() -> None:
    chapters = PAGE.split("\n### ")[1:]

    silent = [each.partition("\n")[0] for each in chapters if ".py`" not in each]

    assert silent == ["V17 WebRTC (7)"]


@pytest.mark.parametrize("file", ["SECURITY.md", "docs/security.md"])
def test_what_it_links_to_exists(file: str) -> None:
    folder = (ROOT / file).parent
    links = re.findall(r"\]\(([^)#:]+\.md)\)", (ROOT / file).read_text())

    assert links
    assert [link for link in links if not (folder / link).is_file()] == []
