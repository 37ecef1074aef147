"""The way of a newcomer in a real browser: from their plan to Stripe's page, and back."""

from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from billing.events.webhooks import EVENTS
from tests.accounts import chromium
from tests.billing import checkout
from tests.billing.shop import Shop
from tests.factories import PASSWORD


@chromium.needed
@pytest.mark.django_db(transaction=True)
def test_a_newcomer_subscribes_in_a_browser(
    user: User, shop: Shop, live_server: LiveServer, settings: Settings, tmp_path: Path
) -> None:
    endpoint = shop.fake.webhook(f"{live_server.url}/api/stripe/webhook/", events=EVENTS)
    settings.STRIPE_WEBHOOK_SECRET = endpoint["secret"]
    shop.fake.deliver("ordered")
    email = user.email
    with chromium.chromium() as browser:
        page = browser.new_page(base_url=live_server.url)
        complaints: list[str] = []
        page.on(
            "console", lambda said: complaints.append(said.text) if said.type == "error" else None
        )
        page.goto("/billing/")
        page.get_by_label("Email").fill(email)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").first.click()
        _arrived(page, "Your plan: Free", tmp_path / "1.png")
        page.get_by_role("link", name="Get Pro").click()
        page.get_by_role("button", name="Continue to payment").click()
        checkout.fill(page)
        _arrived(page, "Thank you", tmp_path / "2.png")
        shop.fake.settle()
        page.get_by_role("link", name="See your plan").click()
        _arrived(page, "Your plan: Pro", tmp_path / "3.png")
        expect(page.get_by_text("5,000,000 tokens are available")).to_be_visible()
        page.get_by_role("button", name="Cards and billing address").click()
        page.wait_for_url(f"{shop.fake.base_url}/**")
        portal = page.url
    assert httpx.get(str(portal), trust_env=False).status_code == 200
    assert complaints == []


def _arrived(page: Page, title: str, shot: Path) -> None:
    expect(page.get_by_role("heading", name=title)).to_be_visible()
    page.screenshot(path=shot)
