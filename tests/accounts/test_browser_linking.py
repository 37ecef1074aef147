"""Another site's account in a real browser: linked to a user, then used to sign in."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from accounts.flows import linking
from accounts.models import User
from accounts.sessions import session_pairs
from tests.accounts import chromium
from tests.accounts.signing_in import fresh_email
from tests.factories import PASSWORD, UserFactory
from tests.fakes.oidc_provider import CLIENT_ID, OidcProvider
from tests.fakes.upstream_process import UpstreamProcess
from tests.webserver import WebServer, demo_server

pytestmark = [chromium.needed, pytest.mark.usefixtures("transactional_db")]


@pytest.fixture
def site(upstream: UpstreamProcess, provider_process: OidcProvider) -> Iterator[WebServer]:
    """Serve with the provider set up as an operator would."""
    oidc = {
        "OIDC_SERVER_URL": provider_process.url,
        "OIDC_CLIENT_ID": CLIENT_ID,
        "OIDC_CLIENT_SECRET": "any",
    }
    with demo_server(upstream, **oidc) as server:
        yield server


def test_an_account_is_linked_and_then_signs_in_in_a_browser(
    site: WebServer, provider_process: OidcProvider, tmp_path: Path
) -> None:
    user = UserFactory.create(email=fresh_email())
    sub = secrets.token_hex(8)
    provider_process.put_user(sub, email="ada@acme.example", email_verified=True)
    url = _start_linking(site, user)

    with chromium.chromium() as browser:
        page = browser.new_page(base_url=site.url)
        page.goto(url)
        expect(page.get_by_text(user.email)).to_be_visible()
        page.screenshot(path=tmp_path / "1-link.png")
        page.locator("form button.button").first.click()
        _approve(page, sub)
        expect(page.locator("h1")).to_contain_text("linked")
        page.screenshot(path=tmp_path / "2-linked.png")

        stranger = browser.new_page(base_url=site.url)
        stranger.goto("/accounts/login/")
        stranger.locator("form[action*='/oidc/'] button").click()
        _approve(stranger, sub)
        expect(stranger.get_by_text(user.email).first).to_be_visible()

    assert [account.uid for account in linking.linked(user)] == [sub]


def test_staff_sign_in_to_the_admin(web: WebServer) -> None:
    admin = User.objects.create_superuser(fresh_email(), PASSWORD)

    with chromium.chromium() as browser:
        page = browser.new_page(base_url=web.url)
        page.goto("/admin/")
        page.locator("input[name=username], input[name=login]").fill(admin.email)
        page.locator("input[name=password]").fill(PASSWORD)
        page.locator("input[type=submit], form button[type=submit]").first.click()
        expect(page.get_by_role("region", name="Dashboard")).to_be_visible()
        page.goto(f"/admin/accounts/user/{admin.pk}/change/")
        page.locator("input[name=name]").fill("Ada")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_text("was changed successfully")).to_be_visible()

    assert User.objects.get(pk=admin.pk).name == "Ada"


def _start_linking(site: WebServer, user: User) -> str:
    access = session_pairs.issue(user).access
    answer = httpx.post(
        f"{site.url}/api/users/oauth-accounts",
        json={"provider": "oidc"},
        headers={"Authorization": f"Bearer {access}"},
        timeout=120,
        trust_env=False,
    )
    url: str = answer.raise_for_status().json()["authorize_url"]
    return url


def _approve(page: Page, sub: str) -> None:
    """Sign in at the provider, as its user with this `sub`."""
    page.locator("input[name=sub]").fill(sub)
    page.locator("button, input[type=submit]").first.click()
