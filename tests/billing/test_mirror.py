"""dj-stripe keeps its copies, for staff to look at."""

from djstripe import models
from rest_framework.test import APIClient

from billing import tasks
from billing.models import StripeEvent, Subscription
from tests.billing.shop import Shop, subscribe


def test_processed_events_are_copied_to_djstripe(caller: APIClient, shop: Shop) -> None:
    subscribe(caller)
    shop.deliver()

    for event in StripeEvent.objects.filter(
        type__in=["invoice.paid", "customer.subscription.created"]
    ):
        tasks.mirror(event.pk)

    row = Subscription.objects.get()
    copied = models.Subscription.objects.get()
    assert (copied.id, copied.stripe_data["status"]) == (row.stripe_id, "active")
    [item] = copied.stripe_data["items"]["data"]
    assert item["price"]["id"] == row.price_id
    invoice = models.Invoice.objects.get()
    assert (invoice.id, invoice.stripe_data["status"]) == (row.invoices.get().pk, "paid")
    assert models.Invoice.objects.get().customer == models.Customer.objects.get()
