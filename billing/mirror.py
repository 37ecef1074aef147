"""dj-stripe's copies of Stripe's objects, for staff to look at. Nothing is decided by them."""

from typing import Any

import stripe
import structlog
from django.conf import settings
from djstripe import models

from billing.errors import BillingUnavailable

log = structlog.get_logger("tokengate.billing")

_COPIES: dict[str, Any] = {
    "charge": models.Charge,
    "customer": models.Customer,
    "dispute": models.Dispute,
    "invoice": models.Invoice,
    "payment_intent": models.PaymentIntent,
    "payment_method": models.PaymentMethod,
    "price": models.Price,
    "product": models.Product,
    "refund": models.Refund,
    "subscription": models.Subscription,
}


def copy(found: dict[str, Any]) -> bool:
    """Copy an object as it is at Stripe now, with what it refers to; False if it is not kept."""
    model = _COPIES.get(found["object"])
    if model is None:
        return False
    stripe.api_base = settings.STRIPE_API_BASE  # dj-stripe's calls go by this
    key = settings.STRIPE_SECRET_KEY
    try:
        now = model(id=found["id"]).api_retrieve(api_key=key)
        model.sync_from_stripe_data(now, api_key=key)
    except stripe.InvalidRequestError:
        log.info("not_mirrored", object=found["object"], id=found["id"])  # deleted meanwhile
        return False
    except stripe.StripeError as failed:
        raise BillingUnavailable from failed
    return True
