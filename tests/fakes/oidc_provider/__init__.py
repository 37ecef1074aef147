"""A real OpenID provider for tests (`oidc-provider-mock`), as a process.

with OidcProvider() as provider:
    provider.put_user("sub-1", email="a@example.com", email_verified=True)
    code_url = provider.approve(authorize_url, sub="sub-1")
"""

import os
import subprocess
import sys
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from tests.ports import free_port
from tests.webserver import ROOT, until_it_answers

CLIENT_ID = "tokengate"


class OidcProvider:
    """Any client id and secret will do; a user is whoever was put, by their `sub`."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.http = httpx.Client(base_url=self.url, timeout=120, trust_env=False)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.fakes.oidc_provider", str(self.port)],
            cwd=ROOT,
            env={**os.environ, "AUTHLIB_INSECURE_TRANSPORT": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until_it_answers(self.process, f"{self.url}/.well-known/openid-configuration")

    def put_user(self, sub: str, **claims: Any) -> None:
        """Make a user with these claims, such as `email` and `email_verified`, or change them."""
        self.http.put(f"/users/{sub}", json=claims).raise_for_status()

    def approve(self, authorize_url: str, *, sub: str) -> str:
        """Sign in there as this user and consent; return the URL that the browser is sent to."""
        response = self.http.post(authorize_url, data={"sub": sub})
        assert response.status_code == 302, response.text
        return response.headers["location"]

    def id_token(self, *, sub: str, audience: str = CLIENT_ID) -> str:
        """Return an id_token for this user, as a native app would get one."""
        redirect_uri = "http://127.0.0.1/native"
        query = {"response_type": "code", "scope": "openid profile email", "client_id": audience}
        url = httpx.URL("/oauth2/authorize", params={**query, "redirect_uri": redirect_uri})
        code = parse_qs(urlsplit(self.approve(str(url), sub=sub)).query)["code"][0]
        grant = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
        response = self.http.post("/oauth2/token", data=grant, auth=(audience, "any"))
        token: str = response.raise_for_status().json()["id_token"]
        return token

    def __enter__(self) -> "OidcProvider":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.http.close()
        self.process.terminate()
        self.process.wait(timeout=120)
