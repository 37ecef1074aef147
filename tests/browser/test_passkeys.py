"""Passkeys in Chromium, with a virtual authenticator: adding, signing in, as factor, removing."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.accounts import chromium
from tests.browser.pages import DESKTOP
from tests.browser.scene import PASSWORD, Scene

pytestmark = [chromium.needed, pytest.mark.django_db]


@pytest.fixture
def context(browser: Browser, site: Scene) -> Iterator[BrowserContext]:
    # A passkey belongs to a name, and not to an address.
    made = browser.new_context(
        base_url=site.url.replace("127.0.0.1", "localhost"), viewport=DESKTOP
    )
    yield made
    made.close()


def authenticator(page: Page) -> tuple[Any, str]:
    """Plug in a virtual authenticator that verifies its user."""
    cdp = page.context.new_cdp_session(page)
    cdp.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True,
        "hasUserVerification": True, "isUserVerified": True, "automaticPresenceSimulation": True,
    }  # fmt: skip
    made = cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return cdp, made["authenticatorId"]


def give_password(page: Page, email: str) -> None:
    page.goto("/accounts/login/")
    page.locator("#id_login").fill(email)
    page.locator("#id_password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def confirm(page: Page) -> None:
    page.locator("#id_password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()


def sign_out(page: Page) -> None:
    page.goto("/accounts/logout/")
    page.locator("main form button").first.click()
    expect(page.get_by_role("heading", name="Signed out")).to_be_visible()


def test_a_passkey_signs_in_alone_and_after_the_password(
    context: BrowserContext, site: Scene
) -> None:
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda told: complaints.append(told.text) if told.type == "error" else None)
    cdp, plugged = authenticator(page)

    give_password(page, site.email)
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    page.goto("/accounts/2fa/webauthn/")
    page.get_by_role("link", name="Add a passkey").click()
    confirm(page)
    page.get_by_label("Name").fill("my laptop")
    page.get_by_role("button", name="Add the passkey").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    page.goto("/accounts/2fa/webauthn/")
    expect(page.get_by_text("my laptop").first).to_be_visible()

    sign_out(page)
    page.goto("/accounts/login/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    page.goto("/portal/security/")
    expect(page.get_by_text("Second factor added").first).to_be_visible()

    sign_out(page)
    give_password(page, site.email)
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()

    page.goto("/accounts/2fa/webauthn/")
    page.get_by_role("link", name="Remove my laptop").click()
    confirm(page)
    page.get_by_role("button", name="Remove", exact=True).click()
    expect(page.get_by_text("No passkeys yet")).to_be_visible()

    cdp.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": plugged})
    assert complaints == []


def test_a_passkey_of_nobody_is_refused_and_a_closed_question_explained(
    context: BrowserContext, site: Scene
) -> None:
    page = context.new_page()
    cdp, plugged = authenticator(page)
    give_password(page, site.email)
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    page.goto("/accounts/2fa/webauthn/add/")
    confirm(page)
    page.get_by_role("button", name="Add the passkey").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    page.goto("/accounts/2fa/webauthn/")
    page.get_by_role("link", name="Remove").click()
    page.get_by_role("button", name="Remove", exact=True).click()
    sign_out(page)

    page.goto("/accounts/login/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_text("Incorrect code.")).to_be_visible()

    cdp.send("WebAuthn.setUserVerified", {"authenticatorId": plugged, "isUserVerified": False})
    page.goto("/accounts/login/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.locator("[data-passkey-error]").first).to_be_visible()
