"""Decimal places of currencies at Stripe (https://docs.stripe.com/currencies).

Pure. Amounts are whole numbers of the smallest unit: 2000 is 20.00 USD, 2000 JPY or 2.000 KWD.
"""

from decimal import Decimal

_NONE = frozenset(
    [
        *("bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga"),
        *("pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"),
    ]
)
_THREE = frozenset(["bhd", "jod", "kwd", "omr", "tnd"])


def decimals(currency: str) -> int:
    """Return 0, 2 or 3. Stripe states ISK and UGX in hundredths that are always 00."""
    code = currency.lower()
    if code in _NONE:
        return 0
    return 3 if code in _THREE else 2


def units(amount: int | Decimal, currency: str) -> Decimal:
    """Return an amount in whole units of the currency, with its decimals."""
    places = decimals(currency)
    return Decimal(amount).scaleb(-places).quantize(Decimal(1).scaleb(-places))


def formatted(amount: int | Decimal, currency: str) -> str:
    """Return an amount for readers: 1,234.50 USD."""
    return f"{units(amount, currency):,f} {currency.upper()}"
