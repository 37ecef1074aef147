"""dj-stripe's copies of Stripe objects, for staff to read. No decision depends on them."""

from collections.abc import Iterator
from typing import Any

import stripe
import structlog
from django.apps import apps
from django.conf import settings
from django.db.models import QuerySet
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


def forget(customers: QuerySet[Any]) -> int:
    """Delete the copies of customers by these ids, and of all that was theirs; returns how many."""
    ids = list(models.Customer.objects.filter(id__in=customers).values_list("id", flat=True))
    if ids:
        for model in _theirs():
            model.objects.filter(customer__id__in=ids).delete()
        models.Customer.objects.filter(id__in=ids).delete()
    return len(ids)


def _theirs() -> Iterator[Any]:
    """Yield the tables whose rows name a customer by an id of Stripe's."""
    for model in apps.get_app_config("djstripe").get_models():
        names = {field.name: field for field in model._meta.get_fields()}  # noqa: SLF001
        if "customer" in names and names["customer"].related_model is models.Customer:
            yield model


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
