"""Users are told, once, of an hour that costs far more than theirs usually do."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from tests.tokens.accounts import account
from tests.tokens.usage import used
from tokens.models import Balance
from tokens.signals import usage_runaway
from tokens.tasks import notify_runaway_usage

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(settings: Settings) -> User:
    """Somebody whose hours usually cost 100 tokens."""
    settings.RUNAWAY_MULTIPLE, settings.RUNAWAY_FLOOR = 10, 500
    user = account(10**6)
    for hours in (5, 30, 60):
        for _ in range(2):
            used(user, at=timezone.now() - timedelta(hours=hours), charged=50)
    return user


def test_an_hour_of_ten_times_the_usual_is_told_once(ada: User) -> None:
    heard: list[dict[str, Any]] = []

    def listen(**facts: Any) -> None:
        heard.append(facts)

    usage_runaway.connect(listen)
    try:
        used(ada, at=timezone.now(), charged=999)
        assert notify_runaway_usage() == 0
        used(ada, at=timezone.now(), charged=1)
        assert [notify_runaway_usage(), notify_runaway_usage()] == [1, 0]
    finally:
        usage_runaway.disconnect(listen)

    (fact,) = heard
    assert (fact["user_id"], fact["charged"], fact["usual"]) == (ada.pk, 1000, 100)
    (letter,) = mail.outbox
    assert letter.to == [ada.email]
    assert "1,000 tokens" in letter.body
    assert "usually takes 100" in letter.body


def test_a_day_later_it_is_told_again(ada: User) -> None:
    used(ada, at=timezone.now(), charged=1000)
    notify_runaway_usage()
    Balance.objects.update(alerted_at=timezone.now() - timedelta(hours=24))

    assert notify_runaway_usage() == 1


@pytest.mark.parametrize(("charged", "told"), [(499, 0), (500, 1)])
def test_without_usual_hours_the_floor_alone_counts(
    settings: Settings, charged: int, told: int
) -> None:
    settings.RUNAWAY_MULTIPLE, settings.RUNAWAY_FLOOR = 10, 500
    used(account(10**6), at=timezone.now(), charged=charged)

    assert notify_runaway_usage() == told


def test_what_is_little_is_never_told(ada: User, settings: Settings) -> None:
    settings.RUNAWAY_FLOOR = 5000
    used(ada, at=timezone.now(), charged=4999)

    assert notify_runaway_usage() == 0


def test_nobody_is_told_when_it_is_switched_off(ada: User, settings: Settings) -> None:
    settings.RUNAWAY_MULTIPLE = 0
    used(ada, at=timezone.now(), charged=10**6)

    assert notify_runaway_usage() == 0


def test_a_suspended_user_is_not_told(ada: User) -> None:
    used(ada, at=timezone.now(), charged=1000)
    User.objects.update(is_active=False)

    assert notify_runaway_usage() == 0


def test_a_letter_that_cannot_be_sent_goes_with_the_next_run(ada: User, settings: Settings) -> None:
    used(ada, at=timezone.now(), charged=1000)
    working = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1

    assert notify_runaway_usage() == 0

    settings.EMAIL_BACKEND = working
    assert notify_runaway_usage() == 1
