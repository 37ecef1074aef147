"""The only writer of money: grant, reserve, settle, adjust, release, renew, expire.

Each use case stands behind two doors, synchronous (in the caller's transaction, over Django's
connection) and asynchronous (``areserve`` …, in micro-batches); both call the same SQL function
of ``tokens/sql``. All amounts are whole LLM tokens. Everything may be repeated: a grant by its
source, a reservation and its settlement by the reservation's id.
"""

from tokens.ledger.accounts import grant, open_account
from tokens.ledger.batched import aclose, areserve, asettle, closing
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
    "trace",
]
