"""Replacements for dj-stripe's own webhook URLs, under the names that it looks up."""

from django.urls import path

from billing.events import webhooks

app_name = "djstripe"

urlpatterns = [
    path("stripe/webhook/<uuid:uuid>/", webhooks.receive, name="djstripe_webhook_by_uuid"),
    path("stripe/webhook/<uuid:uuid>", webhooks.receive),
]
