"""The charge of a receipt and its tokens: one formula in Python, in SQL and in the proof."""

import uuid
from decimal import Decimal
from typing import Any

import orjson
import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import asdict

from accounts.models import User
from llmproxy.catalog.pricing import Weights, charge
from llmproxy.protocol.usage import Usage, billable
from tests.tokens.accounts import account
from tests.tokens.usage import record, used
from tokens import ledger
from tokens.ledger import items
from tokens.ledger.batching import as_json
from tokens.ledger.functions import call
from tokens.ledger.verify import verify
from tokens.models import UsageRecord

pytestmark = pytest.mark.django_db

# What a process of an earlier version knows nothing of.
NEW = (
    "cache_write_tokens",
    "surplus_tokens",
    "price_cache_write",
    "weight_cache_read",
    "weight_cache_write",
)

tokens = st.integers(0, 10**9)
weights = st.decimals(0, Decimal("99999.999"), places=3)


@pytest.fixture
def ada() -> User:
    return account(10_000)


@given(
    usage=st.builds(Usage, prompt=tokens, completion=tokens, cache_read=tokens, cache_write=tokens),
    weighs=st.builds(Weights, weights, weights, weights, weights),
)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_sql_weighs_a_receipt_as_the_proxy_does(ada: User, usage: Usage, weighs: Weights) -> None:
    kinds = billable(usage)
    written = used(
        ada,
        at=timezone.now(),
        prompt_tokens=usage.prompt,
        completion_tokens=usage.completion,
        cached_tokens=kinds.cache_read,
        cache_write_tokens=kinds.cache_write,
        weight_prompt=weighs.prompt,
        weight_completion=weighs.completion,
        weight_cache_read=weighs.cache_read,
        weight_cache_write=weighs.cache_write,
    )

    assert _weighed(written.pk) == charge(usage, weighs)
    shown = written.kinds.values()
    assert sum(kind.tokens for kind in shown) == usage.prompt + usage.completion


def _weighed(pk: uuid.UUID) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tokens_weighed(u) FROM tokens_usagerecord u WHERE id = %s", [pk])
        found: int | None = cursor.fetchone()[0]
    return found


def test_a_receipt_of_before_charged_its_cached_tokens_as_all_of_its_prompt(ada: User) -> None:
    weighed = {"weight_prompt": Decimal("1.5"), "weight_completion": Decimal(2)}
    old = record(ada, at=timezone.now(), cached_tokens=9, **weighed)

    assert old.kinds["cache_read"] == (9, Decimal("1.5"))
    assert old.kinds["prompt"] == (1, Decimal("1.5"))
    assert _weighed(used(ada, at=timezone.now(), cached_tokens=9, **weighed).pk) == 15 + 40


def test_a_receipt_without_weights_proves_nothing(ada: User) -> None:
    assert _weighed(used(ada, at=timezone.now()).pk) is None


def close(hold: ledger.Hold, charge: int, receipt: ledger.Receipt) -> None:
    """Settle as a process of an earlier version does, or what it has left in the spool."""
    item = items.to_close(hold, charge, receipt)
    item["record"] = {name: value for name, value in item["record"].items() if name not in NEW}
    (answer,) = _read(call("tokens_settle", as_json([item])))
    assert answer["fresh"]


def _read(answers: Any) -> Any:
    return orjson.loads(answers) if isinstance(answers, str) else answers


RECEIPT = ledger.Receipt(
    model="m",
    prompt_tokens=100,
    cached_tokens=80,
    completion_tokens=1,
    weight_prompt=Decimal(2),
    weight_completion=Decimal(3),
)


@pytest.mark.parametrize("together", [False, True])
def test_a_process_of_an_earlier_version_settles_as_before(ada: User, together: bool) -> None:
    if together:  # A bonus is none of the simple cases.
        ledger.grant(user_id=ada.pk, amount=5, source="gift")
    hold = ledger.reserve(user_id=ada.pk, amount=500, ttl=60)

    close(hold, 203, RECEIPT)

    receipt = UsageRecord.objects.get(pk=hold.id)
    assert (receipt.cache_write_tokens, receipt.weight_cache_read) == (0, None)
    assert verify() == []


def test_a_process_of_an_earlier_version_corrects_a_receipt_of_this_one(ada: User) -> None:
    """It weighs the tokens as it always did, so the receipt says that."""
    hold = ledger.reserve(user_id=ada.pk, amount=500, ttl=60)
    guess = {**asdict(RECEIPT), "final": False, "weight_cache_read": Decimal("0.2")}
    ledger.settle(hold=hold, charge=59, receipt=ledger.Receipt(**guess))
    correction = ledger.Correction(
        provider="p",
        upstream_id="u",
        prompt_tokens=100,
        cached_tokens=90,
        completion_tokens=2,
        weight_prompt=Decimal(2),
        weight_completion=Decimal(3),
    )
    item = items.to_adjust(hold.id, ada.pk, 206, correction)
    item["record"] = {name: value for name, value in item["record"].items() if name not in NEW}

    call("tokens_adjust", as_json([item]))

    receipt = UsageRecord.objects.get(pk=hold.id)
    assert (receipt.charged, receipt.weight_cache_read) == (206, None)
    assert verify() == []


def test_a_receipt_that_nobody_corrects_keeps_its_kinds(ada: User) -> None:
    hold = ledger.reserve(user_id=ada.pk, amount=500, ttl=60)
    kinds = {"cache_write_tokens": 10, "weight_cache_write": Decimal(3), "surplus_tokens": 1}
    guess = ledger.Receipt(**{**asdict(RECEIPT), "final": False, **kinds})
    ledger.settle(hold=hold, charge=213, receipt=guess)

    ledger.conclude(record_id=hold.id, user_id=ada.pk)

    receipt = UsageRecord.objects.get(pk=hold.id)
    assert (receipt.final, receipt.cache_write_tokens, receipt.surplus_tokens) == (True, 10, 1)
    assert verify() == []
