"""URLs of the billing pages, outside /api/: where Stripe leads back to."""

from django.urls import path

from billing.web import pages

urlpatterns = [
    path("success/", pages.success, name="billing_success"),
    path("cancelled/", pages.cancelled, name="billing_cancelled"),
]
