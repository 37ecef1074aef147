"""What operators see of payments, in Prometheus."""

from core.instruments import Counter, Histogram

PAYMENTS = Counter(
    "tokengate_payments_total",
    "Invoices paid, subscriptions whose payment failed, and cards declined.",
    ("outcome",),
)
WEBHOOK_LAG = Histogram(
    "tokengate_webhook_lag_seconds",
    "From an event at Stripe until all that it calls for was done.",
    buckets=(0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600, 86_400),
)
WEBHOOK_FAILURES = Counter(
    "tokengate_webhook_failures_total", "Attempts to process an event that failed.", ("type",)
)
