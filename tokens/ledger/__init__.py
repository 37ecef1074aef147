"""The only writer of balances: grant, reserve, settle, adjust, release, renew, expire.

There are two interfaces: synchronous (Django's connection, the caller's transaction) and
asynchronous (``areserve`` …, in micro-batches). Both call the same SQL functions of ``tokens/sql``.
All amounts are whole LLM tokens. Every operation is idempotent: grants by their source,
reservations and settlements by the reservation's id.
"""

from tokens.ledger.accounts import grant, open_account
from tokens.ledger.batched import aclose, areserve, asettle, closing, settling
from tokens.ledger.synchronous import (
    adjust,
    conclude,
    expire,
    release,
    renew,
    reserve,
    settle,
    settle_within,
    trace,
)
from tokens.ledger.values import Correction, Hold, HoldContext, Receipt, Settlement

__all__ = [
    "Correction",
    "Hold",
    "HoldContext",
    "Receipt",
    "Settlement",
    "aclose",
    "adjust",
    "areserve",
    "asettle",
    "closing",
    "conclude",
    "expire",
    "grant",
    "open_account",
    "release",
    "renew",
    "reserve",
    "settle",
    "settle_within",
    "settling",
    "trace",
]
