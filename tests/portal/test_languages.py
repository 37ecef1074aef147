"""German and English: every marked text is translated, and the catalogs are up to date."""

import re
import subprocess
import sys

import pytest
from babel.messages.pofile import read_po
from django.test import Client

from devserver import messages
from tests.webserver import ROOT


def test_the_catalogs_are_up_to_date_and_complete() -> None:
    command = [sys.executable, "-m", "devserver.messages", "--check"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_what_a_template_marks() -> None:
    source = """{% load i18n %}{% translate "One" %}{% translate 'Two 5 %' context "menu" %}
    {{ x|default:_("Three") }}
    {% blocktranslate with n=x|length %}{{ n }} of 5 %{% endblocktranslate %}
    {% blocktranslate count counter=n trimmed %}
      a {{ counter }}
    {% plural %}
      b {{ counter }}
    {% endblocktranslate %}"""
    assert list(messages.of_template(source)) == [
        ("One", None),
        ("Two 5 %%", "menu"),
        ("Three", None),
        ("%(n)s of 5 %%", None),
        (("a %(counter)s", "b %(counter)s"), None),
    ]


@pytest.mark.parametrize("app", messages.APPS)
def test_translations_have_the_same_variables(app: str) -> None:
    path = ROOT / app / "locale/de/LC_MESSAGES/django.po"
    with path.open("rb") as file:
        catalog = read_po(file, locale="de")
    for message in catalog:
        if message.id:
            original = message.id if isinstance(message.id, str) else message.id[1]
            told = (
                message.string if isinstance(message.string, str) else list(message.string or ())[1]
            )
            assert _variables(original) == _variables(told), message.id


def _variables(text: str) -> set[str]:
    return set(re.findall(r"%\(\w+\)s|%%|<[^>]+>", text))


# Words that are the same in both languages, or of somebody else.
PAGES = {
    "/": "In drei Schritten beginnen",
    "/pricing": "Preise",
    "/models": "Modelle",
    "/status": "Status",
    "/privacy": "Datenschutz",
    "/accounts/login/": "Angemeldet",
    "/nowhere": "Seite nicht gefunden",
}


@pytest.mark.parametrize(("path", "words"), PAGES.items())
def test_pages_in_german(client: Client, path: str, words: str) -> None:
    text = client.get(path, headers={"Accept-Language": "de"}).text
    assert '<html lang="de"' in text
    assert words.lower() in text.lower()


def test_numbers_and_dates_in_german(visitor: Client) -> None:
    visitor.cookies["language"] = "de"
    text = visitor.get("/portal/").text
    assert "100.000" in text
    assert re.search(r"\d+\. \w+ 20\d\d", text)
    assert 'viewBox="0 0 100 4"' in text
    assert not re.search(r'(?:x|y|width|height)="\d+,', text)
