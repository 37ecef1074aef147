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
ANSWER_SECONDS = Histogram(
    "tokengate_answer_seconds",
    "Duration of answered requests, until the end of the answer.",
    ("provider",),
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900),
)
BREAKER_OPENED = Counter(
    "tokengate_breaker_opened_total",
    "How often a provider's circuit breaker opened.",
    ("provider",),
)
RUNNING = Gauge(
    "tokengate_requests_running",
    "Requests with a reservation, until the ledger has their settlement.",
    multiprocess_mode="livesum",
)
SETTLING = Gauge(
    "tokengate_settlements_waiting",
    "Ended requests whose settlement the ledger has not accepted yet.",
    multiprocess_mode="livesum",
)
SETTLEMENT_LAG = Gauge(
    "tokengate_settlement_lag_seconds",
    "For how long the oldest of them has been waiting.",
    multiprocess_mode="livemax",
)
LOOP_LAG = Gauge(
    "tokengate_event_loop_lag_seconds",
    "How late a worker's event loop runs what is due; of all workers, the most.",
    multiprocess_mode="livemax",
)
POOL = Gauge(
    "tokengate_pool_connections",
    "The web workers' pools of database connections: busy and idle ones, and waiting callers.",
    ("state",),
    multiprocess_mode="livesum",
)
POOL_WAITS = Counter("tokengate_pool_waits_total", "Callers that waited for a connection.")
POOL_WAIT_SECONDS = Counter(
    "tokengate_pool_wait_seconds_total", "How long callers waited for a connection."
)
POOL_TIMEOUTS = Counter(
    "tokengate_pool_timeouts_total", "Callers that were given no connection in time."
)
SETTLED = Counter(
    "tokengate_requests_settled_total", "Requests by final status.", ("status", "source")
)
