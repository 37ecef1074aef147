"""The pages that a browser looks at, and how it signs in."""

import re

from playwright.sync_api import BrowserContext, Page, ViewportSize, expect

from tests.factories import PASSWORD

DESKTOP = ViewportSize(width=1280, height=900)
PHONE = ViewportSize(width=390, height=844)
NARROW = ViewportSize(width=320, height=640)

PUBLIC = {
    "home": "/",
    "pricing": "/pricing",
    "pricing-yearly": "/pricing?interval=year",
    "models": "/models",
    "models-empty": "/models?q=nothing-like-it",
    "status": "/status",
    "terms": "/terms",
    "privacy": "/privacy",
    "not-found": "/no-such-page",
    "sign-in": "/accounts/login/",
    "sign-up": "/accounts/signup/",
    "reset": "/accounts/password/reset/",
    "reset-sent": "/accounts/password/reset/done/",
    "docs": "/docs/",
    "docs-page": "/docs/first-steps/",
    "docs-diagrams": "/docs/architecture/",
    "docs-tables": "/docs/errors/",
    "docs-found": "/docs/search/?q=token+balance",
    "docs-not-found": "/docs/search/?q=nothing-like-it",
    "canceled": "/billing/cancelled/",
    "thanks": "/billing/success/",
}
PORTAL = {
    "overview": "/portal/",
    "usage": "/portal/usage/",
    "usage-by-model": "/portal/usage/?by=model",
    "usage-by-session": "/portal/usage/?by=session",
    "usage-empty": "/portal/usage/?model=nothing",
    "keys": "/portal/keys/",
    "key-new": "/portal/keys/new/",
    "plan": "/portal/plan/",
    "plan-yearly": "/portal/plan/?interval=year",
    "plan-change": "/portal/plan/change/?plan=pro&interval=month",
    "tokens": "/portal/tokens/",
    "devices": "/portal/devices/",
    "security": "/portal/security/",
    "profile": "/portal/profile/",
    "deletion": "/portal/profile/delete/",
    "addresses": "/accounts/email/",
    "password": "/accounts/password/change/",
    "second-factor": "/accounts/2fa/",
    "linked": "/accounts/3rdparty/",
    "sign-out": "/accounts/logout/",
}


def sign_in(context: BrowserContext, email: str) -> Page:
    """Sign in by the form, and return the page that this leads to."""
    page = context.new_page()
    page.goto("/accounts/login/")
    page.locator("#id_login").fill(email)
    page.locator("#id_password").fill(PASSWORD)
    page.locator("main button[type=submit]").first.click()
    expect(page).to_have_url(re.compile(r"/portal/$"))
    return page


def is_too_wide(page: Page) -> int:
    """Return by how many pixels the page is wider than its window."""
    width: int = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return max(0, width)
