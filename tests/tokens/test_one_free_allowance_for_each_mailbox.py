"""The free allowance is one for each mailbox and period, also after deletion."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from hashlib import sha256
from uuid import uuid4

import psycopg
import pytest
from django.db import OperationalError, connection
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.flows import deletion
from accounts.models import User
from tests.accounts.signing_in import post
from tests.factories import PASSWORD
from tests.tokens.clock import set_clock
from tests.tokens.parallel import in_parallel, somebody_waits
from tests.waiting import wait_for
from tests.webserver import database_url
from tokens import ledger
from tokens.ledger import allowances, free_allowance, open_account
from tokens.ledger.verify import verify
from tokens.models import FreeAllowance, Mailbox, MailboxKey, Tier
from tokens.tasks import keep_free_allowances
from tokens.tiers import DEFAULT_TIER, seed_tiers

FREE = 100_000


def account(email: str) -> User:
    return User.objects.create_user(email, PASSWORD)


def given(user: User) -> int:
    return open_account(user.pk).available


@pytest.fixture
def name() -> str:
    """The beginning of an address that is nobody's."""
    return f"u{uuid4().hex}"


@pytest.mark.django_db
def test_after_deletion_the_same_mailbox_gets_no_second_one(name: str) -> None:
    for email in (f"{name}@gmail.com", f"{name}@gmail.com", f"{name}+2@googlemail.com"):
        user = account(email)
        first = FreeAllowance.objects.exists()
        assert given(user) == (0 if first else FREE)
        deletion.delete(user)

    assert not Mailbox.objects.exists()
    assert FreeAllowance.objects.get().granted == FREE
    assert verify() == []


@pytest.mark.django_db
def test_two_active_accounts_share_one(name: str) -> None:
    first, second = account(f"{name}@example.com"), account(f"{name}+b@example.com")

    assert [given(first), given(second)] == [FREE, 0]
    assert given(account(f"{name}@example.org")) == FREE


@pytest.mark.django_db
def test_a_new_account_gets_what_is_left_when_the_allowance_has_grown(name: str) -> None:
    given(account(f"{name}@example.com"))
    Tier.objects.filter(name=DEFAULT_TIER).update(monthly_tokens=FREE + 7)

    assert given(account(f"{name}+b@example.com")) == 7
    assert given(account(f"{name}+c@example.com")) == 0


@pytest.mark.django_db
def test_who_is_given_nothing_has_not_begun_the_mailboxs_period(name: str) -> None:
    seed_tiers()
    Tier.objects.filter(name=DEFAULT_TIER).update(monthly_tokens=0)

    assert given(account(f"{name}@example.com")) == 0
    assert not FreeAllowance.objects.exists()


@pytest.mark.django_db
def test_the_next_period_has_one_again_and_only_one(name: str) -> None:
    first = account(f"{name}@example.com")
    second = account(f"{name}+b@example.com")
    User.objects.filter(pk=second.pk).update(date_joined=first.date_joined + timedelta(hours=1))
    assert [given(first), given(second)] == [FREE, 0]

    for months in (1, 2):
        set_clock(first.date_joined + timedelta(days=32 * months))
        assert sorted([given(second), given(first)]) == [0, FREE]
    assert verify() == []


@pytest.mark.django_db
def test_a_paid_plan_of_the_same_mailbox_is_untouched(name: str) -> None:
    given(account(f"{name}@example.com"))
    seed_tiers()
    payer = account(f"{name}+b@example.com")
    assert given(payer) == 0

    allowances.renew_period(user_id=payer.pk, tier="pro", start=timezone.now(), source="in_1")

    assert given(payer) == Tier.objects.get(name="pro").monthly_tokens


@pytest.mark.django_db
def test_bonus_tokens_are_not_withheld(name: str) -> None:
    given(account(f"{name}@example.com"))
    second = account(f"{name}+b@example.com")

    ledger.grant(user_id=second.pk, amount=5, source="gift")

    assert given(second) == 5


@pytest.mark.django_db(transaction=True)
def test_of_eight_registrations_at_once_one_gets_it(name: str) -> None:
    open_account(account(f"other-{name}@example.com").pk)  # the tier and the key are there

    def register(number: int) -> int:
        try:
            email = f"{name}+{number}@example.com"
            api = APIClient(REMOTE_ADDR=f"10.9.0.{number + 1}")
            body = post(api, "auth/register", email=email, password=PASSWORD).json()
            api.credentials(HTTP_AUTHORIZATION=f"Bearer {body['access']}")
            return int(api.get("/api/tokens/balance").json()["available"])
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(register, range(8))) == [0] * 7 + [FREE]
    assert verify() == []


@pytest.mark.django_db(transaction=True)
def test_what_another_account_is_given_at_this_moment_is_not_given_twice(name: str) -> None:
    given(account(f"{name}@example.com"))
    Tier.objects.filter(name=DEFAULT_TIER).update(monthly_tokens=FREE + 7)
    user = account(f"{name}+b@example.com")

    database = database_url(connection.settings_dict["NAME"])
    with ThreadPoolExecutor(1) as pool, psycopg.connect(database) as other:
        other.execute("SELECT FROM tokens_freeallowance FOR UPDATE")
        asked = pool.submit(in_parallel, lambda _: given(user), 1)
        wait_for(somebody_waits)
        other.execute("UPDATE tokens_freeallowance SET granted = granted + 7")
        other.commit()
        assert asked.result() == [0]


def rotate(settings: Settings) -> None:
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = uuid4().hex * 2


@pytest.mark.django_db
def test_rotating_the_secret_however_often_resets_nothing(name: str, settings: Settings) -> None:
    given(account(f"{name}@example.com"))

    for number in range(4):
        rotate(settings)
        assert given(account(f"{name}+{number}@example.com")) == 0

    assert FreeAllowance.objects.count() == 1


@pytest.mark.django_db
def test_a_secret_replaced_without_a_fallback_begins_anew(name: str, settings: Settings) -> None:
    given(account(f"{name}@example.com"))
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = uuid4().hex * 2, []

    assert given(account(f"{name}+2@example.com")) == FREE


@pytest.mark.django_db
def test_the_database_holds_no_address_and_no_bare_hash_after_deletion(name: str) -> None:
    user = account(f"{name}@example.com")
    given(user)
    deletion.delete(user)

    row = FreeAllowance.objects.get()
    assert row.holder_id is None
    assert name not in str(row.__dict__)
    assert row.digest != sha256(f"{name}@example.com".encode()).hexdigest()
    assert len(MailboxKey.objects.get().wrapped) > 64


@pytest.mark.django_db
def test_what_ended_is_forgotten(name: str) -> None:
    given(account(f"{name}@example.com"))
    keep_free_allowances()
    assert FreeAllowance.objects.count() == 1
    past = timezone.now() - timedelta(days=40)
    FreeAllowance.objects.update(period_start=past, period_end=past + timedelta(days=30))

    keep_free_allowances()

    assert not FreeAllowance.objects.exists()


def noted_by_the_task(user: User) -> None:
    assert keep_free_allowances() >= 1
    assert Mailbox.objects.filter(user=user).exists()


@pytest.mark.django_db
@pytest.mark.parametrize("then", [noted_by_the_task, deletion.delete])
def test_accounts_of_an_earlier_version_count_as_well(
    name: str, then: Callable[[User], None]
) -> None:
    user = account(f"{name}@example.com")
    given(user)
    Mailbox.objects.all().delete()
    FreeAllowance.objects.all().delete()

    then(user)

    assert given(account(f"{name}+2@example.com")) == 0


@pytest.mark.django_db(transaction=True)
def test_a_mailbox_is_noted_late_only_while_no_period_begins(name: str) -> None:
    user = account(f"{name}@example.com")
    given(user)
    Mailbox.objects.all().delete()
    database = database_url(connection.settings_dict["NAME"])
    with psycopg.connect(database) as other, connection.cursor() as cursor:
        other.execute("SELECT FROM tokens_balance WHERE user_id = %s FOR UPDATE", [user.pk])
        cursor.execute("SET lock_timeout = '50ms'")
        with pytest.raises(OperationalError, match="lock timeout"):
            free_allowance.note_missing()
        cursor.execute("RESET lock_timeout")

    assert free_allowance.note_missing() == 1


@pytest.mark.django_db
def test_a_changed_address_is_followed(name: str) -> None:
    user = account(f"{name}@example.com")
    given(user)
    before = Mailbox.objects.get(user=user).digest

    user.email = f"new-{name}@example.com"
    user.save(update_fields=["email"])

    assert Mailbox.objects.get(user=user).digest != before
    assert given(account(f"{name}+2@example.com")) == 0


@pytest.mark.django_db
def test_opening_an_account_twice_gives_once(name: str) -> None:
    user = account(f"{name}@example.com")

    assert [given(user), given(user)] == [FREE, FREE]
    free_allowance.note_missing()
    assert FreeAllowance.objects.get().granted == FREE


@pytest.mark.django_db
def test_the_name_of_the_free_tier_is_the_one_in_sql() -> None:
    assert DEFAULT_TIER == "free"
