"""What users may spend and what they spent. Every amount is a whole number of LLM tokens."""

from tokens.models.balances import Adjustment, Balance, Entry, Grant, KeySpending, Reservation
from tokens.models.idempotency import IdempotentAnswer
from tokens.models.tiers import Tier, any_model
from tokens.models.usage import Aggregation, DailyTotal, DailyUsage, UsageRecord

__all__ = [
    "Adjustment",
    "Aggregation",
    "Balance",
    "DailyTotal",
    "DailyUsage",
    "Entry",
    "Grant",
    "IdempotentAnswer",
    "KeySpending",
    "Reservation",
    "Tier",
    "UsageRecord",
    "any_model",
]
