"""The list of signed-in devices, and signing one of them out."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.device_names import device_name
from accounts.models import Session, User
from accounts.sessions import session_pairs
from tests.accounts.signing_in import code, fresh_email, profile, signed_in
from tests.factories import UserFactory


def test_a_listed_session_can_be_revoked(api: APIClient, user: User) -> None:
    other = session_pairs.issue(user, name="Firefox on Linux")
    pair = signed_in(api, user)

    listed = api.get("/api/users/sessions").json()

    assert [each["current"] for each in listed] == [True, False]
    assert listed[1]["name"] == "Firefox on Linux"
    assert set(listed[0]) == {
        "id",
        "name",
        "created_at",
        "last_used_at",
        "expires_at",
        "current",
        "origin",
    }

    assert api.delete(f"/api/users/sessions/{listed[1]['id']}").status_code == 204
    assert code(profile(other.access)) == "token_revoked"
    assert profile(pair.access).status_code == 200
    assert len(api.get("/api/users/sessions").json()) == 1


def test_only_own_active_sessions_are_listed(api: APIClient, user: User) -> None:
    session_pairs.issue(UserFactory.create(email=fresh_email()))
    session_pairs.revoke(session_pairs.verify(session_pairs.issue(user).access).session_id)
    session_pairs.issue(user)
    Session.objects.filter(user=user).update(expires_at=timezone.now())
    signed_in(api, user)
    assert len(api.get("/api/users/sessions").json()) == 1


def test_somebody_elses(api: APIClient, user: User) -> None:
    pair = session_pairs.issue(UserFactory.create(email=fresh_email()))
    theirs = session_pairs.verify(pair.access).session_id
    signed_in(api, user)
    response = api.delete(f"/api/users/sessions/{theirs}")
    assert (response.status_code, code(response)) == (404, "not_found")
    assert profile(pair.access).status_code == 200


@pytest.mark.parametrize("unknown", [uuid.uuid4(), "7", "null"])
def test_unknown(api: APIClient, user: User, unknown: object) -> None:
    signed_in(api, user)
    response = api.delete(f"/api/users/sessions/{unknown}")
    assert (response.status_code, code(response)) == (404, "not_found")


def test_use_is_noted_once_a_minute(api: APIClient, user: User) -> None:
    pair = session_pairs.issue(user)
    noted = Session.objects.get().last_used_at
    profile(pair.access)
    assert Session.objects.get().last_used_at == noted

    Session.objects.update(last_used_at=noted - timedelta(seconds=61))
    profile(pair.access)
    assert Session.objects.get().last_used_at > noted


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
                "Chrome/143.0.0.0 Safari/537.36 Edg/143.0.0.0"
            ),
            "Edge on Windows",
        ),
        (
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like "
                "Gecko) Code/1.139.0 Chrome/142.0.0.0 Electron/39.0.0 Safari/537.36"
            ),
            "Visual Studio Code on macOS",
        ),
        (
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
                "Cursor/2.1 Chrome/142.0.0.0 Electron/39.0.0 Safari/537.36"
            ),
            "Cursor on Linux",
        ),
        (
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 "
                "(KHTML, like Gecko) Version/19.0 Mobile/15E148 Safari/604.1"
            ),
            "Safari on iOS",
        ),
        ("python-httpx/0.28.1", "python-httpx"),
        ("\x07/", ""),
    ],
)
def test_names_from_user_agents(user_agent: str, name: str) -> None:
    assert device_name(given="", user_agent=user_agent) == name


def test_a_given_name_is_cleaned_and_cut() -> None:
    assert device_name(given="\x1b[31m" + "x" * 300, user_agent="") == ("[31m" + "x" * 300)[:200]
