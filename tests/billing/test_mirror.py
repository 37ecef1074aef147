"""dj-stripe keeps its copies, for staff to look at."""

import json

from djstripe import models
from rest_framework.test import APIClient

from billing import tasks
from billing.models import StripeEvent
from tests.billing.shop import Shop, subscribe


def test_it_works(caller: APIClient, shop: Shop) -> None:
    subscribe(caller)
    shop.deliver()

    for event in StripeEvent.objects.filter(
        type__in=["invoice.paid", "customer.subscription.created"]
    ):
        tasks.mirror(event.pk)

    found = json.dumps(models.Subscription.objects.get().stripe_data)
    assert '"active"' in found
    assert models.Invoice.objects.get().customer == models.Customer.objects.get()
