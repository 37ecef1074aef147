from django.urls import path

from billing import api
from billing.events import webhooks

urlpatterns = [
    path("subscriptions/plans", api.PlansView.as_view(), name="plans"),
    path("subscriptions/current", api.CurrentView.as_view(), name="subscription"),
    path("subscriptions/subscribe", api.SubscribeView.as_view(), name="subscribe"),
    path("subscriptions/upgrade", api.UpgradeView.as_view(), name="upgrade"),
    path("subscriptions/cancel", api.CancelView.as_view(), name="cancel"),
    path("subscriptions/resume", api.ResumeView.as_view(), name="resume"),
    path("subscriptions/portal", api.PortalView.as_view(), name="portal"),
    path("subscriptions/invoices", api.InvoicesView.as_view(), name="invoices"),
    path("subscriptions/usage", api.PeriodUsageView.as_view(), name="period_usage"),
    path("stripe/webhook/", webhooks.receive, name="stripe_webhook"),
]
