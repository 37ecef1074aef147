"""A newcomer's way: sign up, subscribe, make a key, send a request, buy tokens, cancel.

This one runs in `make test`; the other tests of this folder in `make test-browser`.
"""

import re
from datetime import date

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.accounts import chromium
from tests.accounts.signing_in import fresh_email
from tests.billing import checkout
from tests.browser.pages import DESKTOP
from tests.browser.scene import PASSWORD, Scene

pytestmark = [chromium.needed, pytest.mark.django_db]


def test_from_signing_up_to_canceling(browser: Browser, site: Scene) -> None:
    context = browser.new_context(base_url=site.url, viewport=DESKTOP)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda told: complaints.append(told.text) if told.type == "error" else None)

    page.goto("/")
    page.get_by_role("link", name="Start for free").first.click()
    page.get_by_label("Email").fill(fresh_email())
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_text("Start in three steps")).to_be_visible()

    _subscribe(page, site)
    key = _make_key(page)
    _send_request(site, key)

    page.goto("/portal/")
    expect(page.get_by_text("openai/gpt-5-mini").first).to_be_visible()
    _buy(page, site)
    _cancel(page)
    assert complaints == []
    context.close()


def _subscribe(page: Page, site: Scene) -> None:
    page.get_by_role("link", name="Plan", exact=True).first.click()
    page.get_by_role("link", name="Get Pro").click()
    expect(page.get_by_text("Due now")).to_be_visible()
    page.get_by_role("button", name="Continue to payment").click()
    page.wait_for_url(f"{site.stripe.base_url}/**")
    checkout.fill(page)
    expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
    site.stripe.settle()
    page.get_by_role("link", name="See your plan").click()
    expect(page.get_by_role("heading", name="Your plan: Pro")).to_be_visible()


def _make_key(page: Page) -> str:
    page.get_by_role("link", name="API keys").first.click()
    page.get_by_role("link", name="Create an API key").first.click()
    page.get_by_label("Name").fill("laptop")
    page.get_by_role("button", name="Create the key").click()
    key = page.locator("#new-key").inner_text()
    assert re.fullmatch(r"tgk_\w+", key)
    page.get_by_role("link", name="I have copied the key").click()
    return key


def _send_request(site: Scene, key: str) -> None:
    body = {"model": "openai/gpt-5-mini", "messages": [{"role": "user", "content": "Hello"}]}
    headers = {"Authorization": f"Bearer {key}"}
    url = f"{site.url}/v1/chat/completions"
    httpx.post(url, json=body, headers=headers, timeout=60, trust_env=False).raise_for_status()


def _buy(page: Page, site: Scene) -> None:
    page.get_by_role("link", name="Buy tokens").first.click()
    page.get_by_role("button", name="Buy 1,000,000").click()
    page.wait_for_url(f"{site.stripe.base_url}/**")
    checkout.fill(page)
    expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
    site.stripe.settle()
    page.goto("/portal/tokens/")
    expect(page.get_by_role("cell", name="1,000,000").first).to_be_visible()
    expect(page.get_by_text(str(date.today().year + 1)).first).to_be_visible()  # noqa: DTZ011


def _cancel(page: Page) -> None:
    page.get_by_role("link", name="Plan", exact=True).first.click()
    page.get_by_role("link", name="Cancel the plan").click()
    page.get_by_role("button", name="Cancel the plan").click()
    expect(page.get_by_text("Your plan ends on")).to_be_visible()
    page.get_by_role("button", name="Keep the present plan").click()
    expect(page.get_by_text("Your plan continues as it is.")).to_be_visible()
