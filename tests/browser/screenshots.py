"""`make screenshots`: every page, wide and narrow, light and dark, in `screenshots/`."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.accounts import chromium
from tests.browser.pages import DESKTOP, PHONE, PORTAL, PUBLIC, STAFF, sign_in
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
    folder = _folder(viewport, scheme, language)
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


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_gallery_of_staff(browser: Browser, site: Scene, viewport: object, scheme: str) -> None:
    folder = _folder(viewport, scheme, "staff")
    context = browser.new_context(
        base_url=site.url,
        viewport=viewport,  # type: ignore[arg-type]
        color_scheme="dark" if scheme == "dark" else "light",
    )
    _take(sign_in(context, site.staff), STAFF, folder)
    context.close()
    assert len(list(folder.glob("*.png"))) >= len(STAFF)


def _folder(viewport: object, scheme: str, kind: str) -> Path:
    folder = GALLERY / f"{'desktop' if viewport is DESKTOP else 'phone'}-{scheme}-{kind}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _take(page: Page, paths: dict[str, str], folder: Path) -> None:
    for name, path in paths.items():
        page.goto(path)
        page.screenshot(path=folder / f"{name}.png", full_page=True)
