"""The documentation in the product: pages, menu, links, search, and who sees what."""

import re

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from portal.docs import contents, library, searching
from portal.docs.contents import Audience
from portal.docs.rendering import render
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
NAMES = library.names(Audience.EVERYONE)
_HREF = re.compile(r'href="(/docs/[^"#]*)(?:#([^"]*))?"')


@pytest.mark.parametrize("name", NAMES)
def test_every_page_is_shown_and_its_links_lead_somewhere(client: Client, name: str) -> None:
    response = client.get(library.url_of(name))

    assert response.status_code == 200
    known = {library.url_of(each): each for each in NAMES}
    for url, anchor in _HREF.findall(library.page(name).html):
        anchors = {part.heading.anchor for part in library.page(known[url]).parts}
        assert not anchor or anchor in anchors, f"{url}#{anchor}"


def test_every_file_is_in_the_menu() -> None:
    files = set(contents.FOLDER.rglob("*.md"))

    assert files - {contents.file_of(name) for name in NAMES} == set()
    assert len(NAMES) == len(set(NAMES))


@pytest.mark.parametrize(
    "name", ["nothing", "../README", "../../etc/passwd", "index.md", "diagrams"]
)
def test_nothing_but_the_pages_is_shown(client: Client, name: str) -> None:
    assert client.get(f"/docs/{name}/").status_code == 404


def test_examples_have_the_address_of_this_site(client: Client, settings: Settings) -> None:
    settings.PUBLIC_URL = "https://tokens.example"

    page = client.get("/docs/first-steps/").content.decode()

    assert "https://tokens.example/api/llm/chat/completions" in page
    assert "127.0.0.1:8000" not in page


def test_operators_see_the_addresses_of_their_own_hosts(client: Client, settings: Settings) -> None:
    settings.PUBLIC_URL = "https://tokens.example"

    page = client.get("/docs/deploying/").content.decode()

    assert "https://tokens.example/api/stripe/webhook/" in page
    assert "http://127.0.0.1:8000" in page  # nginx passes requests on to it


def test_a_search_finds_the_heading_below_which_all_words_stand(client: Client) -> None:
    found = searching.search("insufficient_tokens", Audience.USERS)

    assert any(each.url.startswith(reverse("docs_page", args=["errors"])) for each in found)
    assert all("insufficient_tokens" in each.excerpt for each in found)
    page = client.get("/docs/search/", {"q": "insufficient_tokens <b>"}).content.decode()
    assert "&lt;b&gt;" in page
    assert "<b>" not in page


def test_a_search_for_nothing_finds_nothing() -> None:
    assert searching.search("   ", Audience.EVERYONE) == []
    assert searching.search("no-such-word-anywhere", Audience.EVERYONE) == []


def test_pages_for_operators_can_be_for_staff_only(client: Client, settings: Settings) -> None:
    settings.DOCS_OPERATOR_PAGES = False

    assert client.get("/docs/security/").status_code == 404
    assert client.get("/docs/errors/").status_code == 200
    assert "/docs/deploying/" not in client.get("/docs/search/?q=PgBouncer").content.decode()

    client.force_login(UserFactory.create(is_staff=True))

    assert client.get("/docs/security/").status_code == 200


def test_a_page_is_rendered_as_github_does() -> None:
    text = "# A page\n\n## `code` and *more*\n\nText.\n\n## `code` and *more*\n\n<!-- hidden -->\n"

    page = render(text, lambda target: None, lambda name: None)

    assert page.title == "A page"
    assert [each.anchor for each in page.menu] == ["code-and-more", "code-and-more-1"]
    assert "hidden" not in page.html


def test_a_link_without_a_page_is_text_and_foreign_links_stay() -> None:
    text = "# A\n\n[file](../core/env.py), [page](other.md#b), [away](https://example.com/).\n"

    page = render(text, {"other.md#b": "/docs/other/#b"}.get, lambda name: None)

    assert "<span>file</span>" in page.html
    assert '<a href="/docs/other/#b">page</a>' in page.html
    assert '<a href="https://example.com/" rel="noopener">away</a>' in page.html


def test_code_is_escaped_and_can_be_copied() -> None:
    page = render("# A\n\n```sh\ncurl '<b>&'\n```\n", lambda target: None, lambda name: None)

    assert "&lt;b&gt;&amp;" in page.html
    assert 'data-copy="code-1"' in page.html


def test_a_diagram_is_a_picture_where_it_was_drawn() -> None:
    text = "# A\n\n## How\n\n```mermaid\nflowchart TD\n```\n"

    drawn = render(text, lambda target: None, lambda name: f"/static/{name}.svg")
    missing = render(text, lambda target: None, lambda name: None)

    assert 'alt="Diagram: How"' in drawn.html
    assert "flowchart TD" in missing.html
