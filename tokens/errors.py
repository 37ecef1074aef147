"""The errors of tokens.

ApiError
├── InsufficientTokens   402  needed, available, resets_at, upgrade_url
├── SessionBudgetExceeded 402  session or task, budget, needed, available, resets_at, upgrade_url
├── KeyBudgetExceeded    429  budget, left, resets_at, retry_after
├── ReservationClosed    409
├── LimitReached         429  limit, retry_after, resets_at
│   └── ConcurrencyLimited
└── LedgerUnavailable    503
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from core.errors import ApiError, Conflict, RateLimited, Unavailable
from core.links import site_url

# OpenAI's SDK for Node and the AI SDK ignore a `Retry-After` of a minute or more. `resets_at` has
# the exact time.
LONGEST_RETRY_AFTER = 59


def moment(at: datetime) -> str:
    """Format a time for a message: `1 December 2026, 10:00:00 UTC`."""
    return f"{at.astimezone(UTC):%-d %B %Y, %H:%M:%S} UTC"


class InsufficientTokens(ApiError):
    status = 402
    code = "insufficient_tokens"

    def __init__(self, *, needed: int, available: int, resets_at: datetime) -> None:
        url = f"{site_url()}/billing/"
        super().__init__(
            f"This request needs {needed:,} tokens; {available:,} are available. "
            f"Your allowance renews on {moment(resets_at)}. To get more now: {url}",
            needed=needed,
            available=available,
            resets_at=resets_at,
            upgrade_url=url,
        )


class KeyBudgetExceeded(RateLimited):
    """The user has tokens, but this key has used its budget of the month.

    OpenAI's SDKs retry a 429 automatically, unless `x-should-retry` is false.
    """

    code = "key_budget_exceeded"
    retryable = False

    def __init__(self, *, budget: int, left: int, resets_at: datetime, retry_after: int) -> None:
        super().__init__(
            f"This API key may spend {budget:,} tokens a month; {left:,} are left. "
            f"Its budget renews on {moment(resets_at)}.",
            headers={"Retry-After": str(min(retry_after, LONGEST_RETRY_AFTER))},
            budget=budget,
            left=left,
            resets_at=resets_at,
            retry_after=retry_after,
        )


class SessionBudgetExceeded(ApiError):
    """The user has tokens, but this session or task has used its budget, which never renews."""

    status = 402
    code = "session_budget_exceeded"

    def __init__(self, *, kind: str, name: str, budget: int, available: int, needed: int) -> None:
        url = f"{site_url()}/billing/"
        super().__init__(
            f"This request needs {needed:,} tokens; the {kind} {name} has {available:,} of its "
            f"budget of {budget:,} tokens left. The budget has no date of renewal: start another "
            f"{kind}, or raise the budget (PATCH /api/tokens/budgets). Your plan: {url}",
            headers={"x-should-retry": "false"},
            budget=budget,
            needed=needed,
            available=available,
            resets_at=None,
            upgrade_url=url,
            **{kind: name},
        )


class ReservationClosed(Conflict):
    message = "This reservation is closed."


_PLAIN = {
    "requests_per_minute": "requests per minute",
    "tokens_per_minute": "tokens per minute",
    "concurrent_requests": "concurrent requests",
    "key_requests_per_minute": "requests per minute of this API key",
}


class LimitReached(RateLimited):
    """A limit of the plan or of the key was reached: which one, and when to retry."""

    def __init__(
        self, *, limit: str, retry_after: int, resets_at: datetime, headers: Mapping[str, str]
    ) -> None:
        super().__init__(
            f"The limit on {_PLAIN.get(limit, limit)} is reached. "
            f"Try again in {retry_after} s, at {moment(resets_at)}.",
            headers={"Retry-After": str(min(retry_after, LONGEST_RETRY_AFTER)), **headers},
            limit=limit,
            retry_after=retry_after,
            resets_at=resets_at,
        )


class ConcurrencyLimited(LimitReached):
    code = "concurrency_limited"


class LedgerUnavailable(Unavailable):
    message = "The ledger is unavailable. Nothing was charged."
