"""Amounts as text: without exponents, and in the decimals of their currency."""

from decimal import Decimal

import pytest

from core import currencies
from core.decimals import plain


@pytest.mark.parametrize(
    ("value", "text"),
    [("1.500", "1.5"), ("1E+3", "1000"), ("0.0000001", "0.0000001"), ("0.00", "0"), ("-2.0", "-2")],
)
def test_a_decimal_is_written_without_exponent_and_final_zeros(value: str, text: str) -> None:
    assert plain(Decimal(value)) == text


@pytest.mark.parametrize(
    ("currency", "places", "written"),
    [
        *[("usd", 2, "12.34 USD"), ("EUR", 2, "12.34 EUR"), ("isk", 2, "12.34 ISK")],
        *[("jpy", 0, "1,234 JPY"), ("KRW", 0, "1,234 KRW")],
        *[("kwd", 3, "1.234 KWD"), ("Tnd", 3, "1.234 TND")],
    ],
)
def test_a_currency_has_its_own_decimals(currency: str, places: int, written: str) -> None:
    assert currencies.decimals(currency) == places
    assert currencies.formatted(1234, currency) == written


def test_an_amount_is_rounded_to_the_decimals_of_its_currency() -> None:
    third = Decimal(1000) / 3

    assert str(currencies.units(third, "usd")) == "3.33"
    assert str(currencies.units(third, "jpy")) == "333"
    assert str(currencies.units(1200, "usd")) == "12.00"
