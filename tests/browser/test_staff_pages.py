"""The staff's pages and the API's documentation in a real browser: accessible, and not too wide.

They take minutes: `make test-browser`.
"""

import os
import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.accounts import chromium
from tests.browser.pages import DESKTOP, PHONE, STAFF, is_too_wide, sign_in
from tests.browser.scene import Scene
from tests.browser.test_every_page import RULES, targets

pytestmark = [
    chromium.needed,
    pytest.mark.skipif("TEST_BROWSER" not in os.environ, reason="runs in make test-browser"),
    pytest.mark.django_db,
]
STYLES = [(DESKTOP, "light"), (DESKTOP, "dark"), (PHONE, "light"), (PHONE, "dark")]
# The tables of a list or a report that are wider than their place; forms of many rows may scroll.
_TOO_WIDE = """[...document.querySelectorAll(
    '#changelist .simplebar-content-wrapper, .dashboard .scroll'
)].map(each => each.scrollWidth - each.clientWidth).filter(wider => wider > 0)"""


@pytest.fixture(params=STYLES, ids=lambda style: f"{style[0]['width']}-{style[1]}")
def context(
    request: pytest.FixtureRequest, browser: Browser, site: Scene
) -> Iterator[BrowserContext]:
    viewport, scheme = request.param
    made = browser.new_context(base_url=site.url, viewport=viewport, color_scheme=scheme)
    yield made
    made.close()


def test_pages_of_staff(context: BrowserContext, site: Scene) -> None:
    page = sign_in(context, site.staff)
    found: list[str] = []
    page.on("console", lambda told: found.append(told.text) if told.type == "error" else None)
    for name, path in STAFF.items():
        page.goto(path)
        violations = Axe().run(page, options=RULES).response["violations"]
        found += [f"{name}: {each['id']}: {targets(each)}" for each in violations]
        if wider := is_too_wide(page):
            found.append(f"{name}: {wider} px too wide")
        if page.viewport_size == DESKTOP and (wide := page.evaluate(_TOO_WIDE)):
            found.append(f"{name}: a table is {wide} px too wide")
    assert found == []


def test_the_documentation_of_the_api(context: BrowserContext) -> None:
    page = context.new_page()
    page.goto("/api/docs/")
    expect(page.locator(".opblock").first).to_be_visible()
    violations = Axe().run(page, options=RULES).response["violations"]
    assert [f"{each['id']}: {targets(each)}" for each in violations] == []


def test_names_in_the_menu_are_those_of_the_pages(browser: Browser, site: Scene) -> None:
    context = browser.new_context(base_url=site.url, viewport=DESKTOP)
    page = sign_in(context, site.staff)
    page.goto("/admin/")
    links = page.locator("#nav-sidebar-apps a")
    menu = {
        links.nth(at).get_attribute("href"): _text(
            links.nth(at).locator("span:not(.material-symbols-outlined)").first.text_content()
        )
        for at in range(links.count())
    }
    assert len(menu) > 30
    wrong = {}
    for path, name in menu.items():
        page.goto(str(path))
        title, heading = page.title(), _text(page.locator("h1").first.inner_text())
        if not (title.startswith(f"{name} |") and heading.startswith(name)):
            wrong[path] = (name, title, heading)
    context.close()
    assert wrong == {}


def _text(found: str | None) -> str:
    """Return the first line with something in it."""
    line = next(line for line in (found or "").splitlines() if line.strip())
    return re.sub(r"\s+", " ", line.strip())


def test_the_keyboard_opens_menu_and_filters(browser: Browser, site: Scene) -> None:
    context = browser.new_context(base_url=site.url, viewport=DESKTOP)
    page: Page = sign_in(context, site.staff)
    page.goto("/admin/accounts/user/")
    page.get_by_role("button", name="Filters").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("By is staff").first).to_be_visible()
    page.goto("/admin/")
    group = page.locator("#nav-sidebar-apps").get_by_role("button", name="Money")
    group.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Margin")).to_be_visible()
    assert group.get_attribute("aria-expanded") == "true"
    context.close()
