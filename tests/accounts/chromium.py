"""A real browser for tests: Debian's chromium, driven by playwright."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

PATH = shutil.which("chromium") or shutil.which("chromium-browser") or ""
needed = pytest.mark.skipif(not PATH, reason="needs chromium, which this machine has not")

_PATIENCE = 120_000.0  # ms

_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
]


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run the browser. No database may be asked meanwhile: playwright runs an event loop."""
    expect.set_options(timeout=_PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=PATH, args=_ARGUMENTS, timeout=_PATIENCE
        )
        try:
            yield browser
        finally:
            browser.close()
