"""A key's monthly budget: exact, also in a race, and never more than the user's own tokens."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from apikeys import keys
from tests.developer import MODEL, Make
from tests.tokens.accounts import account
from tests.tokens.usage import used
from tokens import ledger
from tokens.errors import InsufficientTokens, KeyBudgetExceeded
from tokens.ledger import Correction, Hold, HoldContext, Receipt
from tokens.ledger.verify import verify
from tokens.models import KeySpending, Reservation, UsageRecord

KEY = uuid.uuid4()


@pytest.fixture
def ada(db: None) -> User:
    return account(1000)


def reserve(user: User, amount: int, *, minimum: int | None = None, budget: int = 100) -> Hold:
    context = HoldContext(api_key=KEY, key_budget=budget)
    return ledger.reserve(user_id=user.pk, amount=amount, minimum=minimum, ttl=60, context=context)


def spend(user: User, amount: int, *, budget: int = 100) -> None:
    hold = reserve(user, amount, budget=budget)
    ledger.settle(hold=hold, charge=amount, receipt=Receipt(model="m"))


def test_a_reservation_beyond_the_keys_budget_is_refused(ada: User) -> None:
    spend(ada, 60)
    held = reserve(ada, 30)
    with pytest.raises(KeyBudgetExceeded) as refused:
        reserve(ada, 11)
    assert (refused.value.facts["budget"], refused.value.facts["left"]) == (100, 10)
    assert refused.value.facts["resets_at"] > timezone.now()
    ledger.release(hold=held)
    spend(ada, 40)
    assert verify() == []


def test_what_the_budget_leaves_is_held(ada: User) -> None:
    spend(ada, 60)
    assert reserve(ada, 90, minimum=10).amount == 40


def test_other_keys_and_sessions_are_free(ada: User) -> None:
    spend(ada, 100)
    assert ledger.reserve(user_id=ada.pk, amount=900, ttl=60).amount == 900


def test_the_users_own_want_is_told_as_such(ada: User) -> None:
    with pytest.raises(InsufficientTokens):
        reserve(ada, 1001, budget=2000)


def test_what_was_spent_before_the_budget_counts(ada: User) -> None:
    now = timezone.now()
    used(ada, at=now, api_key=KEY, charged=95)
    used(ada, at=now - timedelta(days=40), api_key=KEY, charged=1000)
    with pytest.raises(KeyBudgetExceeded):
        reserve(ada, 6)
    assert reserve(ada, 5).amount == 5


def test_a_new_month_begins_from_nothing(ada: User) -> None:
    spend(ada, 100)
    KeySpending.objects.update(month="2020-01-01")
    UsageRecord.objects.update(created_at="2020-01-15T00:00:00Z")
    spend(ada, 100)


def test_final_usage_corrects_it(ada: User) -> None:
    hold = reserve(ada, 100)
    ledger.settle(hold=hold, charge=90, receipt=Receipt(model="m", final=False))
    correction = Correction(provider="p", upstream_id="u", prompt_tokens=1, completion_tokens=1)
    ledger.adjust(record_id=hold.id, user_id=ada.pk, charge=20, correction=correction)
    assert reserve(ada, 80).amount == 80
    assert verify() == []


def test_what_other_keys_and_other_months_have_spent_stays(ada: User) -> None:
    spend(ada, 10)
    KeySpending.objects.update(month="2020-01-01")
    UsageRecord.objects.update(created_at="2020-01-15T00:00:00Z")
    context = HoldContext(api_key=uuid.uuid4(), key_budget=100)
    other = ledger.reserve(user_id=ada.pk, amount=20, ttl=60, context=context)
    ledger.settle(hold=other, charge=20, receipt=Receipt(model="m"))
    hold = reserve(ada, 50)
    ledger.settle(hold=hold, charge=50, receipt=Receipt(model="m", final=False))
    correction = Correction(provider="p", upstream_id="u", prompt_tokens=1, completion_tokens=1)

    ledger.adjust(record_id=hold.id, user_id=ada.pk, charge=30, correction=correction)

    assert sorted(KeySpending.objects.values_list("charged", flat=True)) == [10, 20, 30]
    UsageRecord.objects.filter(pk=hold.id).delete()
    assert sorted(KeySpending.objects.values_list("charged", flat=True)) == [0, 10, 20]


def test_what_changes_no_charge_touches_no_counter(ada: User) -> None:
    """It does not have the lock of the balance, under which keys are counted."""
    spend(ada, 10)

    def version() -> str:
        with connection.cursor() as cursor:
            cursor.execute("SELECT ctid FROM tokens_keyspending WHERE api_key = %s", [KEY])
            return str(cursor.fetchone()[0])

    before = version()
    UsageRecord.objects.filter(api_key=KEY).update(duration_ms=1)
    assert version() == before


@pytest.mark.django_db(transaction=True)
def test_a_race_stays_within_it() -> None:
    ada = account(1000)

    def attempt(_: int) -> bool:
        try:
            reserve(ada, 9)
        except KeyBudgetExceeded:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(24))) == 11
    assert Reservation.objects.count() == 11


def test_over_the_api(ada: User) -> None:
    _, text = keys.create(user=ada, name="k", scopes=["tokens:write"], monthly_token_budget=10)
    client = APIClient(headers={"X-API-Key": text})
    refused = client.post("/api/tokens/reserve", {"amount": 11}, format="json")
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "key_budget_exceeded")
    assert int(refused.headers["Retry-After"]) > 0
    assert refused.headers["x-should-retry"] == "false"
    assert refused.json()["error"]["retryable"] is False


def test_over_the_proxy(developer: Make) -> None:
    ada = developer()
    _, text = keys.create(user=User.objects.get(pk=ada.user_id), name="k", monthly_token_budget=1)
    refused = ada.http.post(
        "/api/llm/chat/completions",
        json={"model": MODEL, "messages": [{"role": "user", "content": "Hi"}]},
        headers={"Authorization": f"Bearer {text}"},
    )
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "key_budget_exceeded")
