"""The way of a newcomer in a real browser: from their editor to a new account, and back."""

import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page, ViewportSize, expect

from accounts.models import Session, User
from accounts.oidc import editors
from tests.accounts import chromium
from tests.accounts.editor import Editor
from tests.accounts.signing_in import fresh_email
from tests.factories import PASSWORD
from tests.webserver import WebServer

DESKTOP = ViewportSize(width=1280, height=800)
PHONE = ViewportSize(width=390, height=844)


@chromium.needed
@pytest.mark.usefixtures("transactional_db")
@pytest.mark.parametrize(
    ("viewport", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")], ids=["desktop", "phone"]
)
def test_sign_up_from_the_editor(
    web: WebServer, tmp_path: Path, viewport: ViewportSize, scheme: str
) -> None:
    editors.seed()
    email = f"ada.{fresh_email()[-20:]}"
    with httpx.Client(base_url=web.url, trust_env=False) as http:
        editor = Editor(http)
        with chromium.chromium() as browser:
            context = browser.new_context(
                base_url=web.url,
                viewport=viewport,
                color_scheme="dark" if scheme == "dark" else "light",
            )
            link, complaints = _walk(context, editor, email=email, shots=tmp_path)
        tokens = editor.redeem(_code(editor, link)).json()
        assert editor.exchange(tokens["access_token"]).status_code == 200
    assert Session.objects.get(user=User.objects.get(email=email)).name == "Visual Studio Code"
    assert complaints == []  # of the Content-Security-Policy, say
    assert len(list(tmp_path.glob("*.png"))) == 4


def _walk(
    context: BrowserContext, editor: Editor, *, email: str, shots: Path
) -> tuple[str, list[str]]:
    """Go from the editor's link to the last page; return its link and the console's errors."""
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.goto(f"/identity/o/authorize?{httpx.QueryParams(editor.question)}")
    _arrived(page, "Sign in", shots / "1-sign-in.png")
    page.get_by_role("link", name="Create an account").click()
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    _arrived(page, "Create your account", shots / "2-sign-up.png")
    page.get_by_role("button", name="Create account").click()
    _arrived(page, "Visual Studio Code wants to use your account", shots / "3-consent.png")
    opened = _addresses_opened(page)
    page.get_by_role("button", name="Allow").click()
    _arrived(page, "You can go back to your editor", shots / "4-done.png")
    link = page.get_by_role("link", name="Open Visual Studio Code").get_attribute("href") or ""
    _until(page, lambda: link in opened)
    return link, complaints


def _addresses_opened(page: Page) -> list[str]:
    """Collect where the page sends its window, also when no program takes the address."""
    opened: list[str] = []
    session = page.context.new_cdp_session(page)
    session.on("Page.frameRequestedNavigation", lambda event: opened.append(event["url"]))
    session.send("Page.enable")
    return opened


def _until(page: Page, reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not reached():
        assert time.monotonic() < deadline
        page.wait_for_timeout(20)


def _arrived(page: Page, title: str, shot: Path) -> None:
    expect(page.get_by_role("heading", name=title)).to_be_visible()
    width = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert width <= 0, "the page is wider than the window"
    page.screenshot(path=shot)


def _code(editor: Editor, link: str) -> str:
    parts = urlsplit(link)
    assert link.startswith(editor.redirect_uri)
    answer = parse_qs(parts.query)
    assert answer["state"] == [editor.state]
    return answer["code"][0]
