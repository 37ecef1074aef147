"""Signing in where no redirect can reach (RFC 8628): the code is typed in on another device."""

from typing import Any

import httpx
import pytest
from django.core.cache import cache
from pytest_django import Settings

from accounts.models import User
from tests.accounts.editor import Browser, Connect, Editor, allow, let_it_poll

DEVICE = "/identity/o/device"


def test_a_confirmed_code_signs_the_device_in(editor: Editor, browser: Browser) -> None:
    begun = editor.begin_on_device()
    assert (begun["expires_in"], begun["interval"]) == (600, 5)
    assert begun["verification_uri_complete"].endswith(f"?code={begun['user_code']}")

    page = browser.get(DEVICE)
    assert "Connect a device" in page.text
    page = browser.get(DEVICE, code=begun["user_code"])
    assert "Visual Studio Code wants to use your account" in page.text
    assert begun["user_code"] in page.text
    done = browser.submit(page, action="confirm")
    assert "You can go back to your editor" in done.text

    tokens = editor.poll(begun["device_code"])
    assert tokens.status_code == 200
    assert editor.exchange(tokens.json()["access_token"]).status_code == 200


@pytest.mark.parametrize("typed", [str.lower, str.upper, lambda code: code.replace("-", " ")])
def test_however_the_code_is_typed(editor: Editor, browser: Browser, typed: Any) -> None:
    begun = editor.begin_on_device()
    page = browser.get(DEVICE, code=f" {typed(begun['user_code'])} ")
    assert begun["user_code"] in page.text


@pytest.mark.parametrize(
    "content_type",
    ["application/x-www-form-urlencoded", "application/x-www-form-urlencoded;charset=UTF-8"],
)
def test_content_types_that_are_taken(editor: Editor, content_type: str) -> None:
    answer = _begin(editor, b"client_id=vscode&scope=api", content_type)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"client_id": "vscode"}', "application/json"),
        (b"", ""),
        (b"client_id=vscode&scope=admin", "application/x-www-form-urlencoded"),
        (b"client_id=emacs", "application/x-www-form-urlencoded"),
        (b"client_id=vscode&client_id=cursor", "application/x-www-form-urlencoded"),
        (b"client_id=%00", "application/x-www-form-urlencoded"),
        (b"client_id=vscode&resource=nowhere", "application/x-www-form-urlencoded"),
        (b"scope=api", "application/x-www-form-urlencoded"),
    ],
)
def test_unfit_beginnings(editor: Editor, body: bytes, content_type: str) -> None:
    answer = _begin(editor, body, content_type)
    assert answer.status_code in (400, 401)
    assert isinstance(answer.json()["error"], str)


def test_beginnings_are_limited(editor: Editor, settings: Settings) -> None:
    settings.DEVICE_CODE_RATE = "2/d"
    answers = [_begin(editor, b"client_id=vscode", _FORM) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert int(answers[-1].headers["Retry-After"]) > 0


def test_pending_and_too_fast(editor: Editor) -> None:
    code = editor.begin_on_device()["device_code"]
    assert _error(editor.poll(code)) == "authorization_pending"
    assert _error(editor.poll(code)) == "slow_down"
    let_it_poll(code)
    assert _error(editor.poll(code)) == "authorization_pending"


def test_polling_too_fast_does_not_burn_the_code(editor: Editor, browser: Browser) -> None:
    begun = editor.begin_on_device()
    editor.poll(begun["device_code"])
    allow(browser, begun)
    assert _error(editor.poll(begun["device_code"])) == "slow_down"
    let_it_poll(begun["device_code"])
    assert editor.poll(begun["device_code"]).status_code == 200


def test_denied(editor: Editor, browser: Browser) -> None:
    begun = editor.begin_on_device()
    page = browser.submit(browser.get(begun["verification_uri_complete"]), action="deny")
    assert "was not given access" in page.text
    assert _error(editor.poll(begun["device_code"])) == "access_denied"


def test_replayed(editor: Editor, browser: Browser) -> None:
    begun = editor.begin_on_device()
    allow(browser, begun)
    assert editor.poll(begun["device_code"]).status_code == 200
    assert _error(editor.poll(begun["device_code"])) == "invalid_grant"


def test_of_a_cache_that_went_back_in_time(editor: Editor, browser: Browser) -> None:
    begun = editor.begin_on_device()
    allow(browser, begun)
    before = {key: cache.get(key) for key in _cached(begun)}
    assert editor.poll(begun["device_code"]).status_code == 200
    for key, value in before.items():
        cache.set(key, value, timeout=60)
    assert _error(editor.poll(begun["device_code"])) == "invalid_grant"


def test_expired(editor: Editor, browser: Browser) -> None:
    begun = editor.begin_on_device()
    page = browser.get(begun["verification_uri_complete"])
    cache.delete_many(_cached(begun))
    assert browser.submit(page, action="confirm").status_code == 400
    assert _error(editor.poll(begun["device_code"])) == "invalid_grant"


def test_of_another_client(editor: Editor, browser: Browser) -> None:
    begun = editor.begin_on_device()
    allow(browser, begun)
    assert _error(editor.poll(begun["device_code"], client_id="cursor")) == "invalid_grant"
    assert editor.poll(begun["device_code"]).status_code == 200


def test_a_link_alone_decides_nothing(editor: Editor, browser: Browser) -> None:
    begun = editor.begin_on_device()
    browser.get(DEVICE, code=begun["user_code"], action="confirm")
    assert _error(editor.poll(begun["device_code"])) == "authorization_pending"


def test_the_page_needs_the_csrf_token(editor: Editor, browser: Browser) -> None:
    begun = editor.begin_on_device()
    page = browser.get(begun["verification_uri_complete"])
    refused = browser.submit(page, action="confirm", csrfmiddlewaretoken="x" * 64)
    assert refused.status_code == 403
    assert _error(editor.poll(begun["device_code"])) == "authorization_pending"


def test_a_stranger_signs_in_first(editor: Editor, connect: Connect) -> None:
    page = Browser(connect()).get(DEVICE, code="BCDF-GHJK")
    assert page.url.path == "/accounts/login/"


def test_guessing_is_limited(browser: Browser, editor: Editor, member: User) -> None:
    begun = editor.begin_on_device()
    pages = [browser.get(DEVICE, code="BCDF-GHJK") for _ in range(10)]
    assert {page.status_code for page in pages} == {400}
    page = browser.get(DEVICE, code=begun["user_code"])
    assert page.status_code == 400
    assert "Too many wrong codes" in page.text


_FORM = "application/x-www-form-urlencoded"


def _begin(editor: Editor, body: bytes, content_type: str) -> httpx.Response:
    headers = {"Content-Type": content_type} if content_type else {}
    return editor.http.post("/identity/o/api/device/code", content=body, headers=headers)


def _cached(begun: dict[str, Any]) -> list[str]:
    kinds = {"user_code": begun["user_code"].lower(), "device_code": begun["device_code"]}
    return [f"allauth.idp.oidc.{kind}[{code}]" for kind, code in kinds.items()]


def _error(answer: httpx.Response) -> str:
    assert answer.status_code == 400
    return str(answer.json()["error"])
