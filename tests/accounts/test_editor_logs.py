"""Nothing that could be used to sign in reaches a log line, even at DEBUG."""

import logging

import pytest

from accounts.models import User
from tests.accounts.editor import Browser, Connect, Editor, allow
from tests.accounts.signing_in import fresh_email
from tests.factories import PASSWORD


def test_no_secret_is_logged(
    editor: Editor, browser: Browser, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secrets = _sign_in_by_page(connect)
    code = editor.authorize(browser)
    tokens = editor.redeem(code).json()
    refresh = {"refresh_token": tokens["refresh_token"], "client_id": "vscode"}
    renewed = editor.token(grant_type="refresh_token", **refresh).json()
    pair = editor.exchange(renewed["access_token"]).json()
    begun = editor.begin_on_device()
    allow(browser, begun)
    by_device = editor.poll(begun["device_code"]).json()
    editor.redeem(code, code_verifier="wrong-verifier")
    secrets += [code, editor.verifier, "wrong-verifier", begun["device_code"], begun["user_code"]]
    for answer in (tokens, renewed, by_device):
        secrets += [value for name, value in answer.items() if name.endswith("_token")]
    secrets += [
        pair["access"],
        pair["refresh"],
        *(each.value for each in browser.http.cookies.jar if each.value),
    ]
    assert caplog.records
    written = "\n".join(f"{each.getMessage()} {each.__dict__}" for each in caplog.records)
    for secret in secrets:
        assert secret not in written


def _sign_in_by_page(connect: Connect) -> list[str]:
    someone = Browser(connect())
    body = {"email": fresh_email(), "password1": PASSWORD}
    someone.submit(someone.get("/accounts/signup/"), **body)
    assert User.objects.filter(email=body["email"]).exists()
    return [PASSWORD, *someone.http.cookies.values()]
