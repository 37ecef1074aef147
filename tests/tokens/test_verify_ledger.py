"""The proof finds every kind of disagreement."""

from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from tests.tokens.accounts import account
from tokens import ledger
from tokens.ledger import HoldContext, Receipt, allowances
from tokens.ledger.verify import verify

pytestmark = pytest.mark.django_db

ENTER = "INSERT INTO tokens_entry (user_id, kind, amount, source, note, created_at) "


# ceil(10 x 1 + 10 x 0.25 + 10 x 1.25 + 2 x 2.5) = 30
_RECEIPT = Receipt(
    model="m",
    prompt_tokens=30,
    cached_tokens=10,
    cache_write_tokens=10,
    completion_tokens=2,
    weight_prompt=Decimal(1),
    weight_completion=Decimal("2.5"),
    weight_cache_read=Decimal("0.25"),
    weight_cache_write=Decimal("1.25"),
)


@pytest.fixture
def busy() -> int:
    """An account with something of everything."""
    user = account(100)
    ledger.grant(user_id=user.pk, amount=10, source="gift")
    context = HoldContext(request_id="req-1", endpoint="chat/completions", model="m")
    hold = ledger.reserve(user_id=user.pk, amount=60, ttl=60, context=context)
    ledger.settle(hold=hold, charge=30, receipt=_RECEIPT)
    ledger.reserve(user_id=user.pk, amount=5, ttl=60)
    allowances.take_back(user_id=user.pk, amount=5, source="re_1")
    return user.pk


def test_consistent_balances_pass(busy: int, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("verify_ledger")

    assert "The ledger is consistent: 1 balances checked." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("damage", "rule"),
    [
        ("UPDATE tokens_balance SET used = used + 1", "balance equals the sum of its entries"),
        (
            "UPDATE tokens_balance SET reserved = reserved + 1",
            "reserved equals the sum of the held reservations",
        ),
        ("UPDATE tokens_grant SET remaining = 9", "bonus equals what is left of the grants"),
        ("DELETE FROM tokens_balance", "every user with reservations or charges has a balance"),
        ("UPDATE tokens_usagerecord SET charged = 31", "a receipt's charge equals its entries"),
        (
            "UPDATE tokens_usagerecord SET cached_tokens = 20",
            "a receipt's charge is what its tokens weigh",
        ),
        (
            "UPDATE tokens_usagerecord SET weight_cache_write = 2",
            "a receipt's charge is what its tokens weigh",
        ),
        ("DELETE FROM tokens_usagerecord", "every charge has a receipt"),
        ("DELETE FROM tokens_usagerecord", "every settled reservation has a receipt"),
        ("UPDATE tokens_balance SET lapsing = 1", "tokens past their time are not available"),
        (
            "UPDATE tokens_balance SET due_at = NULL",
            "a balance falls due when its period or a bonus ends",
        ),
        (
            ENTER
            + "SELECT user_id, 'expiry', -1, 'bonus:' || id || ':', '', now() FROM tokens_grant",
            "an expired bonus took no more than it had",
        ),
        (
            ENTER + "SELECT user_id, 'expiry', 1, 'x', '', now() FROM tokens_balance",
            "an expiry only takes",
        ),
        ("UPDATE tokens_adjustment SET amount = -6", "an adjustment equals its entry"),
        (
            "DELETE FROM tokens_adjustment",
            "every plan change and refund in the entries has its adjustment",
        ),
    ],
)
def test_damage_is_found(busy: int, damage: str, rule: str) -> None:
    connection.cursor().execute(damage)

    assert rule in [found.rule for found in verify()]
    assert rule in [found.rule for found in verify(user_id=busy)]
    with pytest.raises(CommandError):
        call_command("verify_ledger")
