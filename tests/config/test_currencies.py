"""Amounts are said in the decimals of their currency: not every one has hundredths."""

from decimal import Decimal
from types import SimpleNamespace

import pytest

from billing.models import Price
from core import currencies
from core.admin.columns import money


@pytest.mark.parametrize(
    ("amount", "currency", "said"),
    [
        (123_450, "usd", "1,234.50 USD"),
        (2_000, "jpy", "2,000 JPY"),
        (2_000, "KRW", "2,000 KRW"),
        (1_234_560, "kwd", "1,234.560 KWD"),
        (5, "bhd", "0.005 BHD"),
        (-150, "eur", "-1.50 EUR"),
        (0, "vnd", "0 VND"),
        (500, "isk", "5.00 ISK"),
    ],
)
def test_an_amount_is_said_everywhere_alike(amount: int, currency: str, said: str) -> None:
    assert currencies.formatted(amount, currency) == said
    row = SimpleNamespace(total=amount, currency=currency)
    assert money("total")(row) == said
    assert Price(amount=amount, currency=currency).whole == said


def test_a_twelfth_is_rounded_to_what_the_currency_has() -> None:
    assert currencies.units(Decimal(1000) / 12, "usd") == Decimal("0.83")
    assert currencies.units(Decimal(1000) / 12, "jpy") == Decimal(83)
    assert currencies.units(Decimal(1000) / 12, "kwd") == Decimal("0.083")
