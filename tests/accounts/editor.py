"""An editor that signs in over HTTP, and the browser that it opens: cookies, forms and links."""

import base64
import hashlib
import html
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from allauth.idp.oidc.internal.oauthlib import device_codes
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.core.cache import cache
from django.core.handlers.wsgi import WSGIHandler

from accounts.models import User
from accounts.sessions.browser_store import SessionStore

REDIRECT = "vscode://tokengate.tokengate/auth/callback"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


class Browser:
    """Follows links and submits forms, as far as they stay on the site."""

    def __init__(self, http: httpx.Client, *, user: User | None = None) -> None:
        self.http = http
        self.http.follow_redirects = True
        if user:
            self.http.cookies.set(settings.SESSION_COOKIE_NAME, session_of(user))

    def get(self, path: str, **params: str) -> httpx.Response:
        return self.http.get(path, params=params or None)

    def submit(self, page: httpx.Response, **fields: str) -> httpx.Response:
        """Submit the page's main form with its hidden fields, its buttons left alone."""
        action, body = form_of(page)
        return self.http.post(action or str(page.url), data={**body, **fields})


Connect = Callable[[], httpx.Client]


def in_process() -> httpx.Client:
    """Connect to the site in this very process, and so within the test's transaction."""
    address = str(IPv6Address(secrets.randbits(128)))
    site = httpx.WSGITransport(WSGIHandler(), remote_addr=address)
    return httpx.Client(base_url="http://testserver", transport=site)


def session_of(user: User) -> str:
    """Sign a browser in, without the page: what the cookie then holds."""
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    assert session.session_key
    return session.session_key


def form_of(page: httpx.Response) -> tuple[str, dict[str, Any]]:
    """Return where the last form of the page's content leads, and its hidden fields."""
    content = page.text.partition("<main")[2].partition("</main>")[0]
    form = re.findall(r'<form method="post"(.*?)</form>', content, re.DOTALL)[-1]
    action = re.search(r'action="([^"]*)"', form.partition(">")[0])
    hidden: dict[str, Any] = {}
    for tag in re.findall(r'<input type="hidden"[^>]*>', form):
        name, value = (re.search(f'{key}="([^"]*)"', tag) for key in ("name", "value"))
        assert name
        hidden.setdefault(name[1], []).append(html.unescape(value[1] if value else ""))
    return html.unescape(action[1]) if action else "", hidden


@dataclass
class Editor:
    """Visual Studio Code: its verifier, its state, and what it asks for."""

    http: httpx.Client
    client_id: str = "vscode"
    redirect_uri: str = REDIRECT
    scope: str = "openid api"
    state: str = field(default_factory=secrets.token_urlsafe)
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    @property
    def challenge(self) -> str:
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    @property
    def question(self) -> dict[str, str]:
        """The parameters of the page that the editor opens."""
        return {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": self.scope,
            "state": self.state,
            "code_challenge": self.challenge,
            "code_challenge_method": "S256",
        }

    def authorize(self, browser: Browser) -> str:
        """Let the browser's user allow it; return the code."""
        page = browser.get("/identity/o/authorize", **self.question)
        answer = returned(browser.submit(page, action="grant"))
        assert answer["state"] == self.state
        return answer["code"]

    def redeem(self, granted: str, **changed: str | None) -> httpx.Response:
        body = {
            "grant_type": "authorization_code",
            "client_id": self.client_id,
            "code": granted,
            "redirect_uri": self.redirect_uri,
            "code_verifier": self.verifier,
            **changed,
        }
        return self.token(**body)

    def token(self, **body: str | None) -> httpx.Response:
        data = {name: value for name, value in body.items() if value is not None}
        return self.http.post("/identity/o/api/token", data=data)

    def begin_on_device(self) -> dict[str, Any]:
        body = {"client_id": self.client_id, "scope": self.scope}
        answer: dict[str, Any] = self.http.post("/identity/o/api/device/code", data=body).json()
        return answer

    def poll(self, device_code: str, **changed: str) -> httpx.Response:
        body = {"client_id": self.client_id, "device_code": device_code, **changed}
        return self.token(grant_type=DEVICE_GRANT, **body)

    def exchange(self, access_token: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {access_token}"}
        return self.http.post("/api/auth/extension/token", headers=headers)


def link_to_editor(page: httpx.Response) -> str:
    """Return where the page sends the browser on to, or nothing."""
    found = re.search(r'http-equiv="refresh" content="0;url=([^"]*)"', page.text)
    return html.unescape(found[1]) if found else ""


def returned(page: httpx.Response) -> dict[str, str]:
    """Return what the page hands over to the editor."""
    assert page.status_code == 200, page.text
    parts = urlsplit(link_to_editor(page))
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == REDIRECT
    return {name: values[0] for name, values in parse_qs(parts.query).items()}


def allow(browser: Browser, begun: dict[str, Any]) -> None:
    """Let the browser's user allow the device that shows this code."""
    page = browser.submit(browser.get(begun["verification_uri_complete"]), action="confirm")
    assert "You can go back to your editor" in page.text


def let_it_poll(device_code: str) -> None:
    """Move the last poll into the past, instead of waiting for the interval to be over."""
    key = device_codes.cache_device_code_key(device_code)
    cache.set(key, {**cache.get(key), "last_poll_at": 0}, timeout=60)
