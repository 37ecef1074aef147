"""URLs of the billing pages, outside /api/."""

from django.urls import path

from billing.web import pages

urlpatterns = [
    path("", pages.home, name="billing_home"),
    path("subscribe/", pages.subscribe, name="billing_subscribe"),
    path("portal/", pages.portal, name="billing_portal"),
    path("success/", pages.success, name="billing_success"),
    path("cancelled/", pages.cancelled, name="billing_cancelled"),
]
