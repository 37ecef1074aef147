"""Prometheus metrics of the providers."""

from core.instruments import Counter, Gauge, Histogram

ATTEMPTS = Counter(
    "tokengate_upstream_attempts_total",
    "Attempts at a provider, by result.",
    ("provider", "outcome"),
)
FIRST_BYTE = Histogram(
    "tokengate_upstream_first_byte_seconds",
    "Time from the request to the first content.",
    ("provider",),
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60),
)
TOKENS = Counter("tokengate_tokens_total", "Tokens used, by kind.", ("provider", "kind"))
COST = Counter("tokengate_upstream_cost_usd_total", "Cost in USD.", ("provider",))
CONNECTIONS = Gauge(
    "tokengate_upstream_connections",
    "Open connections to providers, busy or idle.",
    multiprocess_mode="livesum",
)
DROPPED = Counter(
    "tokengate_dropped_frames_total",
    "Events of providers that were dropped because they were not JSON.",
    ("provider",),
)
LEFT = Gauge(
    "tokengate_left_streams",
    "Streams whose client disconnected, which are read on for their usage.",
    multiprocess_mode="livesum",
)
SETTLED = Counter(
    "tokengate_requests_settled_total", "Requests by final status.", ("status", "source")
)
