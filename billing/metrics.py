"""Prometheus metrics of payments and webhooks."""

from core.instruments import Counter, Histogram

PAYMENTS = Counter(
    "tokengate_payments_total",
    "Invoices paid, subscriptions whose payment failed, and cards declined.",
    ("outcome",),
)
WEBHOOK_LAG = Histogram(
    "tokengate_webhook_lag_seconds",
    "Seconds from an event at Stripe until it was processed.",
    buckets=(0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600, 86_400),
)
WEBHOOK_FAILURES = Counter(
    "tokengate_webhook_failures_total", "Failed attempts to process an event.", ("type",)
)
