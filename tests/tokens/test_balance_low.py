"""Users are told at 80 % and at 100 %, once each a period."""

from typing import Any

import pytest
from django.core import mail
from django.db import connection

from accounts.models import User
from tests.tokens.clock import set_clock
from tests.tokens.parallel import in_parallel
from tests.tokens.spending import joined, spend
from tokens import ledger
from tokens.models import Balance
from tokens.signals import balance_low
from tokens.tasks import notify_low_balances, reset_allowances

pytestmark = pytest.mark.django_db


@pytest.fixture
def user() -> User:
    return joined("2026-01-10T00:00")


def test_each_threshold_is_told_once_a_period(user: User) -> None:
    heard: list[dict[str, Any]] = []

    def listen(**facts: Any) -> None:
        heard.append(facts)

    balance_low.connect(listen)
    try:
        told = []
        for tokens in (79, 1, 10, 10):
            spend(user, tokens)
            told += [notify_low_balances(), notify_low_balances()]
    finally:
        balance_low.disconnect(listen)

    assert told == [0, 0, 1, 0, 0, 0, 1, 0]
    assert [(one["user_id"], one["percent"], one["available"]) for one in heard] == [
        (user.pk, 80, 20),
        (user.pk, 100, 0),
    ]
    assert [letter.subject for letter in mail.outbox] == [
        "You have used 80 % of your tokens",
        "Your tokens are used up",
    ]
    letter = mail.outbox[0]
    assert (letter.to, letter.from_email) == ([user.email], "Tokengate <no-reply@localhost>")
    assert "20 are left" in letter.body
    assert "The next 100 come on 10 February 2026." in letter.body


def test_who_leaps_over_both_is_told_once(user: User) -> None:
    spend(user, 100)

    assert [notify_low_balances(), notify_low_balances()] == [1, 0]
    assert mail.outbox[0].subject == "Your tokens are used up"


def test_the_next_period_is_told_anew(user: User) -> None:
    spend(user, 90)
    notify_low_balances()
    set_clock("2026-02-10T00:00")
    reset_allowances()

    assert notify_low_balances() == 0
    spend(user, 90)
    assert notify_low_balances() == 1


def test_bonus_counts_as_what_is_left(user: User) -> None:
    ledger.grant(user_id=user.pk, amount=50, source="gift")
    spend(user, 100)

    assert notify_low_balances() == 0


def test_suspended_users_are_not_told(user: User) -> None:
    spend(user, 100)
    User.objects.filter(pk=user.pk).update(is_active=False)

    assert notify_low_balances() == 0


def test_who_has_no_allowance_is_not_told(user: User) -> None:
    Balance.objects.filter(user=user).update(allocated=0)

    assert notify_low_balances() == 0


def test_a_letter_that_could_not_go_goes_with_the_next_run(user: User, settings: Any) -> None:
    spend(user, 90)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1

    assert notify_low_balances() == 0
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert notify_low_balances() == 1


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_tell_once() -> None:
    user = User.objects.create_user("low@example.com")
    ledger.open_account(user.pk)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE tokens_balance SET used = allocated - 1 WHERE user_id = %s", [user.pk]
        )

    told = in_parallel(lambda _: notify_low_balances(), 16)

    assert (sum(told), len(mail.outbox)) == (1, 1)
