"""Balances, limits and usage. Every amount is a whole number of LLM tokens."""

from tokens.models.allowances import FreeAllowance, Mailbox, MailboxKey
from tokens.models.analytics import AnalyticsFeed, ReceiptChange
from tokens.models.balances import (
    Adjustment,
    Balance,
    Entry,
    Grant,
    KeySpending,
    Reservation,
    SessionSpending,
)
from tokens.models.idempotency import IdempotentAnswer
from tokens.models.tiers import Tier, any_model
from tokens.models.usage import (
    Aggregation,
    DailyTotal,
    DailyUsage,
    MonthlyUsage,
    RefusedDay,
    UsageRecord,
)

__all__ = [
    "Adjustment",
    "Aggregation",
    "AnalyticsFeed",
    "Balance",
    "DailyTotal",
    "DailyUsage",
    "Entry",
    "FreeAllowance",
    "Grant",
    "IdempotentAnswer",
    "KeySpending",
    "Mailbox",
    "MailboxKey",
    "MonthlyUsage",
    "ReceiptChange",
    "RefusedDay",
    "Reservation",
    "SessionSpending",
    "Tier",
    "UsageRecord",
    "any_model",
]
