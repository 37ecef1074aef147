"""What changes a balance waits for a settlement that is on its way, and counts what it charges."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from django.db import connection
from django.utils import timezone

from tests.tokens.accounts import account, parts
from tests.tokens.parallel import in_parallel, somebody_waits
from tests.waiting import wait_for
from tests.webserver import database_url
from tokens import ledger
from tokens.ledger import Correction, Receipt, allowances, items
from tokens.ledger.batching import as_json
from tokens.ledger.verify import verify
from tokens.models import Tier, UsageRecord

pytestmark = pytest.mark.django_db(transaction=True)

RECEIPT = Receipt(model="m")


def renew(user_id: int) -> None:
    allowances.renew_period(user_id=user_id, tier="large", start=timezone.now(), source="in_1")


def change_tier(user_id: int) -> None:
    allowances.change_tier(user_id=user_id, tier="none", source="staff:1")


def take_back(user_id: int) -> None:
    allowances.take_back(user_id=user_id, amount=500, source="re_1")


def take_back_grant(user_id: int) -> None:
    allowances.take_back_grant(user_id=user_id, grant="pack", amount=500, source="re_1")


def grant(user_id: int) -> None:
    ledger.grant(user_id=user_id, amount=7, source="gift")


def settle(user_id: int) -> None:
    hold = ledger.reserve(user_id=user_id, amount=10, ttl=60)
    ledger.settle(hold=hold, charge=15, receipt=RECEIPT)


def adjust(user_id: int) -> None:
    record = UsageRecord.objects.get(final=False)
    correction = Correction(provider="p", upstream_id="u", prompt_tokens=1, completion_tokens=1)
    ledger.adjust(record_id=record.pk, user_id=user_id, charge=4, correction=correction)


def expire(_: int) -> None:
    ledger.expire()


@pytest.mark.parametrize(
    ("change", "after"),
    [
        (renew, (500, 0, 50, 20, 0)),
        (change_tier, (60, 60, 50, 20, 0)),
        (take_back, (60, 60, 20, 20, 0)),
        (take_back_grant, (100, 60, 0, 20, 0)),
        (grant, (100, 60, 57, 20, 0)),
        (settle, (100, 75, 50, 20, 0)),
        (adjust, (100, 54, 50, 20, 0)),
        (expire, (100, 60, 50, 0, 0)),
    ],
)
def test_a_change_counts_what_is_being_charged(
    change: Callable[[int], None], after: tuple[int, ...]
) -> None:
    user = account(100)
    Tier.objects.filter(name="free").update(monthly_tokens=500)
    Tier.objects.create(name="large", title="Large", monthly_tokens=500)
    Tier.objects.create(name="none", title="None", monthly_tokens=0)
    ledger.grant(user_id=user.pk, amount=50, source="pack")
    first = ledger.reserve(user_id=user.pk, amount=10, ttl=60)
    ledger.settle(hold=first, charge=10, receipt=Receipt(model="m", final=False))
    ledger.reserve(user_id=user.pk, amount=20, ttl=-1)
    hold = ledger.reserve(user_id=user.pk, amount=50, ttl=60)

    database = database_url(connection.settings_dict["NAME"])
    batch = as_json([items.to_close(hold, 50, RECEIPT)])
    with ThreadPoolExecutor(1) as pool, psycopg.connect(database) as other:
        other.execute("SELECT tokens_settle(%s)", [batch])
        changed = pool.submit(in_parallel, lambda _: change(user.pk), 1)
        wait_for(somebody_waits)
        other.commit()
        changed.result()

    assert parts(user) == after
    assert verify() == []
