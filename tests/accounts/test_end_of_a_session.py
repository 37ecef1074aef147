"""A sign-in ends after SESSION_MAX_AGE, however often it is used or refreshed."""

import time
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import Session, User
from accounts.sessions import session_pairs
from accounts.sessions.session_pairs import Pair
from tests.accounts.signing_in import code, profile, refresh
from tests.factories import PASSWORD

AGE = timedelta(days=90)


def begun(pair: Pair, ago: timedelta) -> Session:
    session = Session.objects.get(pk=session_pairs.verify(pair.access).session_id)
    Session.objects.filter(pk=session.pk).update(created_at=timezone.now() - ago)
    return session


@pytest.mark.parametrize("late", [timedelta(), timedelta(days=400)])
def test_it_is_refused_at_access_and_at_refresh(
    api: APIClient, user: User, late: timedelta
) -> None:
    pair = session_pairs.issue(user)
    begun(pair, AGE + late)

    for answer in (profile(pair.access), refresh(api, pair.refresh)):
        assert (answer.status_code, code(answer)) == (401, "token_revoked")
    assert not session_pairs.active(user).exists()


def test_until_then_it_is_refreshed_but_never_past_its_end(api: APIClient, user: User) -> None:
    pair = session_pairs.issue(user)
    session = begun(pair, AGE - timedelta(days=1))

    assert refresh(api, pair.refresh).status_code == 200

    session.refresh_from_db()
    assert session.expires_at == session.created_at + AGE


def test_whoever_remembers_a_caller_does_so_no_longer_than_that(user: User) -> None:
    pair = session_pairs.issue(user)
    session = begun(pair, AGE - timedelta(minutes=1))
    session.refresh_from_db()

    assert session_pairs.verify(pair.access).until == session.created_at + AGE


def test_it_is_a_setting(user: User, settings: Settings) -> None:
    pair = session_pairs.issue(user)
    begun(pair, timedelta(days=2))
    settings.SESSION_MAX_AGE = timedelta(days=1)

    assert profile(pair.access).status_code == 401


def signed_in_at(client: Client, moment: float | None) -> None:
    session = client.session
    if moment is None:
        del session["signed_in_at"]
    else:
        session["signed_in_at"] = moment
    session.save()


def test_browsers_are_signed_out_as_well(client: Client, user: User) -> None:
    client.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    assert client.get("/accounts/").status_code == 200
    signed_in_at(client, time.time() - AGE.total_seconds())

    assert client.get("/accounts/").status_code == 302
    assert "_auth_user_id" not in client.session


def test_signing_in_again_begins_anew(client: Client, user: User) -> None:
    client.force_login(user)
    signed_in_at(client, 0)
    client.get("/accounts/")

    client.post("/accounts/login/", {"login": user.email, "password": PASSWORD})

    assert client.get("/accounts/").status_code == 200


def test_a_browser_of_an_earlier_version_counts_from_now_on(client: Client, user: User) -> None:
    client.force_login(user)
    signed_in_at(client, None)

    assert client.get("/accounts/").status_code == 200
    assert client.session["signed_in_at"] >= time.time() - 600
