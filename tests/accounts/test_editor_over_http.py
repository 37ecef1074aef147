"""Editors sign in at the real server: both flows end to end, and races for what is good once."""

from collections.abc import Callable, Iterator
from functools import partial

import httpx
import pytest

from accounts.models import Session, User
from tests.accounts.editor import Browser, Connect, Editor, allow, let_it_poll
from tests.accounts.racing import race
from tests.webserver import WebServer


@pytest.fixture
def connect(web: WebServer, transactional_db: None) -> Iterator[Connect]:
    made: list[httpx.Client] = []

    def connect() -> httpx.Client:
        made.append(httpx.Client(base_url=web.url, timeout=120, trust_env=False))
        return made[-1]

    yield connect
    for each in made:
        each.close()


def test_by_redirect(editor: Editor, browser: Browser, member: User) -> None:
    tokens = editor.redeem(editor.authorize(browser)).json()
    pair = editor.exchange(tokens["access_token"]).json()
    _check_that_it_works(editor, pair, member)


def test_by_device_code(editor: Editor, browser: Browser, member: User) -> None:
    begun = editor.begin_on_device()
    assert editor.poll(begun["device_code"]).json()["error"] == "authorization_pending"
    page = browser.get(begun["verification_uri_complete"])
    assert "You can go back to your editor" in browser.submit(page, action="confirm").text
    too_soon = editor.poll(begun["device_code"]).json()
    assert too_soon["error"] == "slow_down"
    let_it_poll(begun["device_code"])
    tokens = editor.poll(begun["device_code"]).json()
    pair = editor.exchange(tokens["access_token"]).json()
    _check_that_it_works(editor, pair, member)


def test_each_is_redeemed_once_in_a_race(editor: Editor, browser: Browser) -> None:
    """Code, refresh token, exchange token and device code, 20 rounds of 8 at a time."""
    for _ in range(20):
        code = editor.authorize(browser)
        tokens = _one_winner(partial(editor.redeem, code))
        renew = partial(
            editor.token,
            grant_type="refresh_token",
            client_id="vscode",
            refresh_token=tokens["refresh_token"],
        )
        renewed = _one_winner(renew)
        _one_winner(partial(editor.exchange, renewed["access_token"]))
        begun = editor.begin_on_device()
        allow(browser, begun)
        _one_winner(partial(editor.poll, begun["device_code"]))


def _one_winner(action: Callable[[], httpx.Response]) -> dict[str, str]:
    answers = race(action)
    won = [answer.json() for answer in answers if answer.status_code == 200]
    assert len(won) == 1, [answer.text for answer in answers]
    assert {answer.status_code for answer in answers} <= {200, 400, 401}
    return dict(won[0])


def _check_that_it_works(editor: Editor, pair: dict[str, str], user: User) -> None:
    headers = {"Authorization": f"Bearer {pair['access']}"}
    profile = editor.http.get("/api/users/profile", headers=headers)
    assert profile.json()["email"] == user.email
    assert Session.objects.get(user=user).name == "Visual Studio Code"
