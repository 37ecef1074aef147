"""The test cards that Stripe documents: number, payment method id, and outcome of a charge.

https://docs.stripe.com/testing
"""

import re
from dataclasses import dataclass
from typing import Any

from devserver.stripe.errors import ApiError, invalid

CARD_DECLINED = "Your card was declined."


@dataclass(frozen=True)
class Decline:
    """Why a charge fails: Stripe's error code, its decline code, and the message for the payer."""

    code: str
    decline_code: str | None
    message: str

    def error(self, **extra: Any) -> ApiError:
        known = {"decline_code": self.decline_code} if self.decline_code else {}
        return ApiError(402, self.message, code=self.code, param=None, extra={**known, **extra})


@dataclass(frozen=True)
class Card:
    number: str
    name: str  # of the payment method: pm_card_<name>
    brand: str = "visa"
    funding: str = "credit"
    decline: Decline | None = None
    attaches: bool = True  # a card that cannot be saved is declined at once
    authentication: str = "never"  # or "once": until set up; "always"
    disputed: bool = False
    note: str = "succeeds"


def _decline(decline_code: str, message: str = CARD_DECLINED) -> Decline:
    return Decline("card_declined", decline_code, message)


GENERIC = _decline("generic_decline")
INSUFFICIENT = _decline("insufficient_funds", "Your card has insufficient funds.")
EXPIRED = Decline("expired_card", "expired_card", "Your card has expired.")
WRONG_CVC = Decline("incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect.")
PROCESSING = Decline(
    "processing_error",
    "processing_error",
    "An error occurred while processing your card. Try again in a little bit.",
)
NEEDS_AUTHENTICATION = Decline(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
)
NOT_AUTHENTICATED = Decline(
    "payment_intent_authentication_failure",
    None,
    "We are unable to authenticate your payment method. Please choose a different payment "
    "method and try again.",
)
VELOCITY = _decline("card_velocity_exceeded", f"{CARD_DECLINED} You have exceeded the balance.")

_ALL = (
    Card("4242424242424242", "visa"),
    Card("4000056655665556", "visa_debit", funding="debit"),
    Card("5555555555554444", "mastercard", "mastercard"),
    Card("378282246310005", "amex", "amex"),
    Card("6011111111111117", "discover", "discover"),
    Card("4000002500003155", "authenticationRequiredOnSetup", authentication="once",
         note="asks for authentication unless set up"),
    Card("4000002760003184", "authenticationRequired", authentication="always",
         note="always asks for authentication"),
    Card("4000008260003178", "authenticationRequiredChargeDeclinedInsufficientFunds",
         decline=INSUFFICIENT, authentication="always",
         note="asks for authentication, then declines: insufficient_funds"),
    Card("4000000000000002", "chargeDeclined", decline=GENERIC, attaches=False,
         note="declines: generic_decline"),
    Card("4000000000009995", "chargeDeclinedInsufficientFunds", decline=INSUFFICIENT,
         attaches=False, note="declines: insufficient_funds"),
    Card("4000000000009987", "chargeDeclinedLostCard", decline=_decline("lost_card"),
         attaches=False, note="declines: lost_card"),
    Card("4000000000009979", "chargeDeclinedStolenCard", decline=_decline("stolen_card"),
         attaches=False, note="declines: stolen_card"),
    Card("4000000000000069", "chargeDeclinedExpiredCard", decline=EXPIRED, attaches=False,
         note="declines: expired_card"),
    Card("4000000000000127", "chargeDeclinedIncorrectCvc", decline=WRONG_CVC, attaches=False,
         note="declines: incorrect_cvc"),
    Card("4000000000000119", "chargeDeclinedProcessingError", decline=PROCESSING, attaches=False,
         note="declines: processing_error"),
    Card("4000000000006975", "chargeDeclinedVelocityLimitExceeded", decline=VELOCITY,
         attaches=False, note="declines: card_velocity_exceeded"),
    Card("4000000000000341", "chargeCustomerFail", decline=GENERIC,
         note="can be saved, then every charge declines"),
    Card("4000000000000259", "createDispute", disputed=True, note="succeeds, then is disputed"),
)  # fmt: skip

BY_NUMBER = {card.number: card for card in _ALL}
_BY_NAME = {card.name: card for card in _ALL}


def by_magic_id(ident: str) -> Card | None:
    """Return the card for an id such as ``pm_card_visa`` or ``tok_visa``, if it exists."""
    for prefix in ("pm_card_", "tok_"):
        if ident.startswith(prefix):
            name = ident.removeprefix(prefix)
            return _BY_NAME.get(name) or _BY_NAME.get(name.removeprefix("visa_"))
    return None


def by_number(number: str) -> Card:
    """Return the card; raise ApiError for an invalid number, or one that may be real."""
    digits = re.sub(r"[\s-]", "", number)
    if not re.fullmatch(r"[0-9]{12,19}", digits) or not _luhn(digits):
        message = "Your card number is incorrect."
        raise ApiError(402, message, code="incorrect_number", param="number")
    if digits not in BY_NUMBER:
        message = (
            "Your card was declined. Your request was in test mode, but used a non test card. For "
            "a list of valid test cards, visit: https://stripe.com/docs/testing."
        )
        extra = {"decline_code": "test_mode_live_card"}
        raise ApiError(402, message, code="card_declined", extra=extra)
    return BY_NUMBER[digits]


def check_expiry(month: int, year: int, *, today: tuple[int, int]) -> None:
    """``today`` is (year, month)."""
    if not 1 <= month <= 12:
        raise ApiError(
            402, "Your card's expiration month is invalid.", code="invalid_expiry_month",
            param="exp_month",
        )  # fmt: skip
    if (year, month) < today or year > today[0] + 50:
        raise ApiError(
            402, "Your card's expiration year is invalid.", code="invalid_expiry_year",
            param="exp_year",
        )  # fmt: skip


def _luhn(digits: str) -> bool:
    total = 0
    for index, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + index % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def known(number: str) -> Card:
    """Return a card that was accepted before."""
    if number not in BY_NUMBER:
        raise invalid("This is none of the test cards.")
    return BY_NUMBER[number]
