"""The form with card data that a browser posts."""

import re
from datetime import UTC, datetime

from devserver.stripe import cards, payment_methods
from devserver.stripe.errors import ApiError
from devserver.stripe.store import Obj
from devserver.stripe.world import World


def read(world: World, given: dict[str, str], *, email: str | None) -> Obj:
    """Create a payment method from the fields; raise ApiError with a message for the payer."""
    card = cards.by_number(given.get("cardNumber", ""))
    month, year = _expiry(given.get("cardExpiry", ""))
    today = datetime.fromtimestamp(world.now(), UTC)
    cards.check_expiry(month, year, today=(today.year, today.month))
    if not re.fullmatch(r"[0-9]{3,4}", given.get("cardCvc", "").strip()):
        raise ApiError(
            402, "Your card's security code is invalid.", code="invalid_cvc", param="cvc"
        )
    name = given.get("billingName", "").strip() or None
    details = {"email": email, "name": name}
    return payment_methods.make(
        world, card, exp_month=month, exp_year=year, billing_details=details
    )


def _expiry(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"\s*([0-9]{1,2})\s*/?\s*((?:20)?[0-9]{2})\s*", text)
    if found is None:
        message = "Your card's expiration date is incomplete."
        raise ApiError(402, message, code="invalid_expiry_month", param="exp_month")
    return int(found[1]), 2000 + int(found[2]) % 100
