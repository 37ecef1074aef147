"""Every page in a real browser: accessible, no wider than its window, usable without JavaScript.

They take minutes: `make test-browser`.
"""

import os
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.accounts import chromium
from tests.browser.pages import DESKTOP, NARROW, PHONE, PORTAL, PUBLIC, is_too_wide, sign_in
from tests.browser.scene import Scene

pytestmark = [
    chromium.needed,
    pytest.mark.skipif("TEST_BROWSER" not in os.environ, reason="runs in make test-browser"),
    pytest.mark.django_db,
]
STYLES = [(DESKTOP, "light"), (PHONE, "dark"), (DESKTOP, "dark"), (PHONE, "light")]
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@pytest.fixture(params=STYLES, ids=lambda style: f"{style[0]['width']}-{style[1]}")
def context(
    request: pytest.FixtureRequest, browser: Browser, site: Scene
) -> Iterator[BrowserContext]:
    viewport, scheme = request.param
    made = browser.new_context(base_url=site.url, viewport=viewport, color_scheme=scheme)
    yield made
    made.close()


def _look(page: Page, paths: dict[str, str]) -> list[str]:
    """Return what axe and the console complain about, and pages that are too wide."""
    found: list[str] = []
    page.on("console", lambda told: found.append(told.text) if told.type == "error" else None)
    for name, path in paths.items():
        page.goto(path)
        if "404" in "".join(found) and name == "not-found":
            found = [each for each in found if "404" not in each]
        violations = Axe().run(page, options=RULES).response["violations"]
        found += [f"{name}: {each['id']}: {targets(each)}" for each in violations]
        if wider := is_too_wide(page):
            found.append(f"{name}: {wider} px too wide")
    return found


def targets(violation: dict[str, list[dict[str, object]]]) -> str:
    """Return the first elements that a rule complains about."""
    return "; ".join(str(node["html"])[:120] for node in violation["nodes"][:3])


def test_public_pages(context: BrowserContext) -> None:
    assert _look(context.new_page(), PUBLIC) == []


def test_pages_of_the_portal(context: BrowserContext, site: Scene) -> None:
    assert _look(sign_in(context, site.email), PORTAL) == []


def test_nothing_is_wider_than_320_pixels(browser: Browser, site: Scene) -> None:
    context = browser.new_context(base_url=site.url, viewport=NARROW)
    page = sign_in(context, site.email)
    wide = {name: wider for name, path in {**PORTAL, **PUBLIC}.items()
            if page.goto(path) and (wider := is_too_wide(page))}  # fmt: skip
    context.close()
    assert wide == {}


def test_without_javascript(browser: Browser, site: Scene) -> None:
    context = browser.new_context(base_url=site.url, viewport=PHONE, java_script_enabled=False)
    page = sign_in(context, site.email)
    page.locator(".phonebar summary").click()
    page.get_by_role("link", name="Usage").first.click()
    page.get_by_label("Model").select_option("openai/gpt-5-mini")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.get_by_role("table")).to_be_visible()
    page.goto("/portal/keys/new/")
    page.get_by_label("Name").fill("no script")
    page.get_by_role("button", name="Create the key").click()
    expect(page.locator("#new-key")).to_be_visible()
    expect(page.locator(".needs-script").first).to_be_hidden()
    page.goto("/models?q=claude")
    expect(page.get_by_role("rowheader")).to_have_count(1)
    page.get_by_role("button", name="Dark colors").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.get_by_role("button", name="Deutsch").click()
    expect(page.locator("html")).to_have_attribute("lang", "de")
    page.get_by_role("button", name="English").click()
    context.close()


def test_the_keyboard_reaches_everything(browser: Browser, site: Scene) -> None:
    context = browser.new_context(base_url=site.url, viewport=DESKTOP)
    page = sign_in(context, site.email)
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    assert page.url.endswith("#content")
    page.goto("/portal/keys/new/")
    seen = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        seen.add(page.evaluate("document.activeElement.name || document.activeElement.innerText"))
    assert {"name", "scopes", "monthly_token_budget", "allowed_ips", "Create the key"} <= seen
    context.close()


def test_search_moves_without_a_reload(browser: Browser, site: Scene) -> None:
    context = browser.new_context(base_url=site.url, viewport=DESKTOP)
    page = context.new_page()
    page.goto("/models")
    page.evaluate("window.stayed = true")
    page.get_by_label("Search").fill("claude")
    expect(page.get_by_role("rowheader")).to_have_count(1)
    assert page.evaluate("window.stayed") is True
    assert page.url.endswith("q=claude&can=&order=name")
    context.close()


def test_copying(browser: Browser, site: Scene) -> None:
    context = browser.new_context(base_url=site.url, viewport=DESKTOP)
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=site.url)
    page = sign_in(context, site.email)
    page.goto("/portal/keys/")
    page.get_by_text("Claude Code").click()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert "ANTHROPIC_BASE_URL" in page.evaluate("navigator.clipboard.readText()")
    context.close()
