from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import Session, User
from accounts.sessions import session_pairs
from tests.accounts.racing import race
from tests.accounts.signing_in import code, fresh_email, profile, refresh
from tests.factories import UserFactory


def test_a_refresh_token_is_rotated(api: APIClient, user: User) -> None:
    first = session_pairs.issue(user)

    response = refresh(api, first.refresh)

    assert response.status_code == 200
    second = response.json()
    assert set(second) == {"access", "refresh", "expires_in", "token_type"}
    assert second["refresh"] != first.refresh
    assert profile(second["access"]).status_code == 200
    assert profile(first.access).status_code == 200
    assert refresh(api, second["refresh"]).status_code == 200


def test_the_session_lives_on_from_the_last_refresh(api: APIClient, user: User) -> None:
    pair = session_pairs.issue(user)
    Session.objects.update(expires_at=timezone.now() + timedelta(minutes=1))
    refresh(api, pair.refresh)
    assert Session.objects.get().expires_at > timezone.now() + timedelta(days=29)


def test_reuse_within_the_grace_signs_nobody_out(api: APIClient, user: User) -> None:
    first = session_pairs.issue(user)
    second = refresh(api, first.refresh).json()

    response = refresh(api, first.refresh)

    assert (response.status_code, code(response)) == (401, "invalid_token")
    assert response.json()["error"]["retryable"] is True
    assert profile(second["access"]).status_code == 200
    assert refresh(api, second["refresh"]).status_code == 200


def test_reuse_after_the_grace_revokes_the_family(api: APIClient, user: User) -> None:
    first = session_pairs.issue(user)
    second = refresh(api, first.refresh).json()
    Session.objects.update(rotated_at=timezone.now() - timedelta(seconds=11))

    response = refresh(api, first.refresh)

    assert (response.status_code, code(response)) == (401, "token_revoked")
    assert code(profile(second["access"])) == "token_revoked"
    assert code(refresh(api, second["refresh"])) == "token_revoked"


def test_reuse_revokes_no_other_session(api: APIClient, user: User, settings: Settings) -> None:
    settings.REFRESH_GRACE_SECONDS = 0
    other = session_pairs.issue(user)
    first = session_pairs.issue(user)
    refresh(api, first.refresh)
    refresh(api, first.refresh)
    assert profile(other.access).status_code == 200


def test_every_older_token_of_the_family_is_known(
    api: APIClient, user: User, settings: Settings
) -> None:
    settings.REFRESH_GRACE_SECONDS = 0
    first = session_pairs.issue(user)
    second = session_pairs.refresh(first.refresh)
    third = session_pairs.refresh(second.refresh)
    assert code(refresh(api, first.refresh)) == "token_revoked"
    assert code(profile(third.access)) == "token_revoked"


@pytest.mark.django_db(transaction=True)
def test_a_race_has_one_winner_and_signs_nobody_out(api: APIClient) -> None:
    pair = session_pairs.issue(UserFactory.create(email=fresh_email()))
    token = pair.refresh
    for _ in range(20):
        answers = race(partial(refresh, api, token))
        won = [answer.json() for answer in answers if answer.status_code == 200]
        lost = [answer for answer in answers if answer.status_code != 200]
        assert len(won) == 1
        assert {(answer.status_code, code(answer)) for answer in lost} == {(401, "invalid_token")}
        assert profile(won[0]["access"]).status_code == 200
        token = won[0]["refresh"]


@pytest.mark.django_db(transaction=True)
def test_a_race_of_a_stolen_token_has_no_winner(api: APIClient, settings: Settings) -> None:
    settings.REFRESH_GRACE_SECONDS = 0
    stolen = session_pairs.issue(UserFactory.create(email=fresh_email()))
    session_pairs.refresh(stolen.refresh)
    codes = race(lambda: code(refresh(api, stolen.refresh)))
    assert set(codes) == {"token_revoked"}


def test_suspended_user(api: APIClient, user: User) -> None:
    pair = session_pairs.issue(user)
    User.objects.update(is_active=False)
    response = refresh(api, pair.refresh)
    assert (response.status_code, code(response)) == (401, "invalid_token")


def test_deleted_user(api: APIClient, user: User) -> None:
    pair = session_pairs.issue(user)
    user.delete()
    response = refresh(api, pair.refresh)
    assert (response.status_code, code(response)) == (401, "invalid_token")


@pytest.mark.parametrize("body", [{}, {"refresh": ""}, {"refresh": None}, {"refresh": ["x"]}, []])
def test_unfit_body(api: APIClient, db: None, body: object) -> None:
    response = api.post("/api/auth/refresh", body, format="json")
    assert (response.status_code, code(response)) == (400, "invalid_request")


def test_expired_sessions_are_swept_at_the_next_sign_in(user: User) -> None:
    session_pairs.issue(user)
    Session.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    session_pairs.issue(user)
    assert Session.objects.filter(user=user).count() == 1
