"""Failed sign-ins, and changes of how an account is signed in to, are in the security log."""

from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.test import Client
from rest_framework.test import APIClient
from structlog.testing import capture_logs

from accounts import security_log
from accounts.flows import deletion, linking, passwords
from accounts.models import User
from accounts.sessions import session_pairs
from tests.accounts.second_factor import code_of, enrolled, give_code, give_password
from tests.accounts.signing_in import fresh_email, post, signed_in
from tests.factories import PASSWORD

Lines = list[Any]


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lines]:
    """What is written to the security log: also where the logger was used, and cached, before."""
    with capture_logs() as captured:
        fresh = structlog.get_logger("tokengate.security")
        monkeypatch.setattr(security_log, "log", fresh)
        yield captured


def events(lines: Lines) -> list[tuple[str, int | None]]:
    return [(line["event"], line.get("user_id")) for line in lines if "user_id" in line]


@pytest.mark.parametrize("known", [True, False])
def test_a_failed_login_by_the_api_and_by_the_page(
    api: APIClient, client: Client, user: User, lines: Lines, known: bool
) -> None:
    email = user.email if known else fresh_email()

    post(api, "auth/login", email=email, password="wrong")
    client.post("/accounts/login/", {"login": email, "password": "wrong"})

    assert events(lines) == [("login_failed", user.pk if known else None)] * 2
    assert all(line["address"] for line in lines)


def test_a_wrong_code_by_the_api_and_by_the_page(
    api: APIClient, client: Client, db: None, lines: Lines
) -> None:
    user, secret = enrolled()

    post(api, "auth/login", email=user.email, password=PASSWORD, code="000000")
    give_password(client, user)
    give_code(client, "000000")
    give_code(client, code_of(secret))

    assert events(lines) == [
        ("second_factor_failed", user.pk),
        ("second_factor_failed", user.pk),
        ("browser_signed_in", user.pk),
    ]


def test_a_wrong_present_password(api: APIClient, user: User, lines: Lines) -> None:
    signed_in(api, user)

    post(api, "auth/password/change", current_password="wrong", new_password="x" * 12)

    assert ("wrong_password", user.pk) in events(lines)


def test_changes_of_the_account(user: User, lines: Lines) -> None:
    passwords.replace(user, password="an entirely different staple")
    deletion.delete(user)

    assert events(lines) == [("password_changed", user.pk), ("account_deleted", user.pk)]


def test_a_stolen_refresh_token(api: APIClient, user: User, lines: Lines) -> None:
    pair = session_pairs.issue(user)
    session_pairs.refresh(pair.refresh)
    user.sessions.update(rotated_at=user.date_joined.replace(year=2020))

    assert post(api, "auth/refresh", refresh=pair.refresh).status_code == 401

    assert ("refresh_token_reused", user.pk) in events(lines)


def test_factors_that_are_set_up_and_removed_on_the_pages(
    client: Client, db: None, lines: Lines
) -> None:
    user, secret = enrolled()
    give_password(client, user)
    give_code(client, code_of(secret))
    again = RecoveryCodes.activate(user).get_unused_codes()[0]
    client.post("/accounts/2fa/reauthenticate/", {"code": again})

    client.post("/accounts/2fa/recovery-codes/generate/")
    client.post("/accounts/2fa/totp/deactivate/")

    assert ("second_factor_removed", user.pk) in events(lines)


def test_no_line_holds_an_address_or_a_secret(api: APIClient, user: User, lines: Lines) -> None:
    signed_in(api, user)
    post(api, "auth/login", email=user.email, password="a secret guess")
    post(api, "auth/password/change", current_password="a secret guess", new_password="x" * 12)

    assert linking.linked(user).count() == 0
    for secret in (user.email, "a secret guess"):
        assert secret not in str(lines)
