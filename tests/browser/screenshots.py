"""`make screenshots`: every page, wide and narrow, light and dark, in `screenshots/`."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.accounts import chromium
from tests.browser.pages import DESKTOP, PHONE, PORTAL, PUBLIC, sign_in
from tests.browser.scene import Scene
from tests.webserver import ROOT

pytestmark = [
    chromium.needed,
    pytest.mark.django_db,
    pytest.mark.skipif("SCREENSHOTS" not in os.environ, reason="runs in make screenshots"),
]
GALLERY = ROOT / "screenshots"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("language", ["en", "de"])
def test_gallery(
    browser: Browser, site: Scene, viewport: object, scheme: str, language: str
) -> None:
    folder = GALLERY / f"{'desktop' if viewport is DESKTOP else 'phone'}-{scheme}-{language}"
    folder.mkdir(parents=True, exist_ok=True)
    context = browser.new_context(
        base_url=site.url,
        viewport=viewport,  # type: ignore[arg-type]
        color_scheme="dark" if scheme == "dark" else "light",
        locale=language,
    )
    _take(context.new_page(), PUBLIC, folder)
    _take(sign_in(context, site.email), PORTAL, folder)
    context.close()
    assert len(list(folder.glob("*.png"))) >= len(PUBLIC) + len(PORTAL)


def _take(page: Page, paths: dict[str, str], folder: Path) -> None:
    for name, path in paths.items():
        page.goto(path)
        page.screenshot(path=folder / f"{name}.png", full_page=True)
