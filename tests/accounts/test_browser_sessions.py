"""Signed-in browsers: listed under devices, and signed out from another place."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import BrowserSession, User
from accounts.sessions import browser_sessions
from tests.accounts.test_security_events import enter
from tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db
PAGE = "/portal/devices/"


def is_in(client: Client) -> bool:
    return client.get("/portal/security/").status_code == 200


def row(user: User) -> BrowserSession:
    return BrowserSession.objects.filter(user=user).latest("created_at")


def test_a_browser_is_listed_and_marked_as_this_one(user: User) -> None:
    client = enter(user)
    page = client.get(PAGE).content.decode()
    assert "Firefox on Linux" in page
    assert "this browser" in page
    assert BrowserSession.objects.filter(user=user).count() == 1


def test_another_browser_is_signed_out_at_once(user: User) -> None:
    here, there = enter(user), enter(user)
    assert is_in(there)
    here.post(PAGE, {"browser": str(row(user).pk)})
    assert not is_in(there)
    assert is_in(here)
    assert not is_in(there)
    assert list(browser_sessions.active(user).values_list("pk", flat=True)) == [
        browser_sessions.current(here.get(PAGE).wsgi_request)
    ]


def test_all_others(user: User) -> None:
    here, *others = (enter(user) for _ in range(3))
    here.post(PAGE, {"browser": "others"})
    assert is_in(here)
    assert not any(is_in(other) for other in others)


def test_nobody_signs_out_browsers_of_others(user: User) -> None:
    other: User = UserFactory.create()
    theirs = enter(other)
    enter(user).post(PAGE, {"browser": str(row(other).pk)})
    assert is_in(theirs)
    assert enter(user).post(PAGE, {"browser": "x"}).status_code == 400


def test_signing_out_removes_it_and_signing_in_again_makes_one(user: User) -> None:
    client = enter(user)
    client.post("/accounts/logout/")
    assert not BrowserSession.objects.filter(user=user).exists()
    client.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    assert BrowserSession.objects.filter(user=user).count() == 1


def test_a_browser_of_a_former_version_gets_a_row(user: User) -> None:
    client = enter(user)
    BrowserSession.objects.all().delete()
    session = client.session
    del session["browser"]
    session.save()
    assert is_in(client)
    assert BrowserSession.objects.filter(user=user).count() == 1


def test_a_new_password_ends_the_others_and_keeps_this_one_listed(user: User) -> None:
    here, there = enter(user), enter(user)
    new = "an entirely different staple"
    here.post(
        "/accounts/password/change/",
        {"oldpassword": PASSWORD, "password1": new, "password2": new},
    )
    user.refresh_from_db()
    assert not is_in(there)
    assert is_in(here)
    assert browser_sessions.active(user).count() == 1


def test_use_is_noted_once_a_minute(user: User) -> None:
    client = enter(user)
    long_ago = timezone.now() - timedelta(minutes=5)
    BrowserSession.objects.update(last_used_at=long_ago)
    is_in(client)
    used = row(user).last_used_at
    assert used > long_ago
    is_in(client)
    assert row(user).last_used_at == used


def test_old_ones_are_forgotten(user: User) -> None:
    enter(user)
    BrowserSession.objects.update(last_used_at=timezone.now() - timedelta(days=365))
    browser_sessions.forget_expired()
    assert not BrowserSession.objects.exists()
