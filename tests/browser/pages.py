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
    "automatic": "/portal/tokens/automatic/",
    "devices": "/portal/devices/",
    "security": "/portal/security/",
    "security-events": "/portal/security/events/",
    "passkeys": "/accounts/2fa/webauthn/",
    "profile": "/portal/profile/",
    "deletion": "/portal/profile/delete/",
    "addresses": "/accounts/email/",
    "password": "/accounts/password/change/",
    "second-factor": "/accounts/2fa/",
    "linked": "/accounts/3rdparty/",
    "sign-out": "/accounts/logout/",
}


STAFF = {
    "staff-home": "/admin/",
    "staff-home-year": "/admin/?days=365&top=cost",
    "staff-margin": "/admin/margin/",
    "staff-refused": "/admin/refused/",
    "staff-email": "/admin/mails/",
    "staff-users": "/admin/accounts/user/",
    "staff-user-new": "/admin/accounts/user/add/",
    "staff-security-events": "/admin/accounts/securityevent/",
    "staff-browsers": "/admin/accounts/browsersession/",
    "staff-sessions": "/admin/accounts/session/",
    "staff-keys": "/admin/apikeys/apikey/",
    "staff-plans": "/admin/billing/plan/",
    "staff-packs": "/admin/billing/pack/",
    "staff-invoices": "/admin/billing/invoice/",
    "staff-purchases": "/admin/billing/topup/",
    "staff-automatic": "/admin/billing/automatictopup/",
    "staff-usage": "/admin/tokens/usagerecord/",
    "staff-balances": "/admin/tokens/balance/",
    "staff-ledger": "/admin/tokens/entry/",
    "staff-tiers": "/admin/tokens/tier/",
    "staff-tier": "/admin/tokens/tier/pro/change/",
    "staff-models": "/admin/llmproxy/model/",
    "staff-model": "/admin/llmproxy/model/openai_2Fgpt-5-mini/change/",
    "staff-routes": "/admin/llmproxy/route/",
    "staff-route-new": "/admin/llmproxy/route/add/",
    "staff-providers": "/admin/llmproxy/providerstate/",
    "staff-incidents": "/admin/llmproxy/incident/",
    "staff-groups": "/admin/auth/group/",
    "staff-events": "/admin/billing/stripeevent/",
    "staff-audit": "/admin/admin/logentry/",
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
