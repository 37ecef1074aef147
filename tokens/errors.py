"""What can go wrong with tokens.

ApiError
├── InsufficientTokens   402  needed, available, resets_at, upgrade_url
├── ReservationClosed    409
└── LedgerUnavailable    503
"""

from datetime import datetime

from config.errors import ApiError, Conflict, Unavailable


class InsufficientTokens(ApiError):
    status = 402
    code = "insufficient_tokens"

    def __init__(self, *, needed: int, available: int, resets_at: datetime) -> None:
        super().__init__(
            f"This request needs {needed} tokens; {available} are available.",
            needed=needed,
            available=available,
            resets_at=resets_at,
            upgrade_url="/api/subscriptions/plans",
        )


class ReservationClosed(Conflict):
    message = "This reservation is not held any more."


class LedgerUnavailable(Unavailable):
    message = "The ledger cannot be reached; nothing was reserved or charged."
