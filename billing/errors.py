"""Errors of plans and payments.

ApiError
├── CardDeclined          402  decline_code
├── Conflict
│   ├── AlreadySubscribed 409
│   ├── NotSubscribed     409
│   ├── PaymentDue        409  pay_at
│   ├── SamePlan          409
│   └── SubscriptionBusy  409  another request is changing the subscription; retryable
├── InvalidRequest
│   ├── GoneAtStripe      400  no object has this id
│   ├── NoCard            400  there is no saved card
│   ├── UnknownPack       400  param
│   └── UnknownPlan       400  param
├── Unavailable
│   └── BillingUnavailable 503  no Stripe key is set, or Stripe does not answer; retryable
├── WebhookRefused        400  forged, stale, or no event at all
└── UnknownPrice          500  Stripe speaks of a price that no plan has
"""

from core.errors import ApiError, Conflict, InvalidRequest, Unavailable


class CardDeclined(ApiError):
    """The bank said no. ``decline_code`` is Stripe's, such as `insufficient_funds`, or null."""

    status = 402
    type = "card_error"  # as Stripe calls it
    code = "card_declined"
    message = "The card was declined."

    def __init__(self, message: str | None = None, *, decline_code: str | None) -> None:
        super().__init__(message, decline_code=decline_code)


class AlreadySubscribed(Conflict):
    code = "already_subscribed"
    message = "You already have a subscription. Change it with /api/subscriptions/upgrade."


class NotSubscribed(Conflict):
    code = "not_subscribed"
    message = "You do not have a subscription."


class PaymentDue(Conflict):
    """What runs is not paid for. ``pay_at`` is the page of Stripe's to pay the invoice, or null."""

    code = "payment_due"
    message = "Pay the open invoice before you change the plan."

    def __init__(self, *, pay_at: str | None) -> None:
        super().__init__(pay_at=pay_at)


class SamePlan(Conflict):
    code = "same_plan"
    message = "You are already on this plan."


class SubscriptionBusy(Conflict):
    code = "subscription_busy"
    message = "Another request is changing this subscription. Please try again."
    retryable = True


class NoCard(InvalidRequest):
    message = "Save a card first."


class UnknownPack(InvalidRequest):
    message = "There is no such pack."

    def __init__(self) -> None:
        super().__init__(param="pack")


class UnknownPlan(InvalidRequest):
    message = "This plan does not exist or is not for sale."

    def __init__(self, *, param: str = "plan") -> None:
        super().__init__(param=param)


class BillingUnavailable(Unavailable):
    code = "billing_unavailable"
    message = "Payments are not available at the moment."


class GoneAtStripe(InvalidRequest):
    """What was asked for by its id is not at Stripe, or not any more."""


class WebhookRefused(InvalidRequest):
    message = "The signature of this event is not valid, or is too old."


class UnknownPrice(ApiError):
    message = "A subscription has a price that does not belong to any plan."
