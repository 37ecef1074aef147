"""Usage records for statistics to be made of."""

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any

from accounts.models import User
from tokens.ledger import open_account
from tokens.models import UsageRecord


def used(user: User, *, at: datetime, **fields: Any) -> UsageRecord:
    """Write a record as the ledger does; `fields` are columns of it."""
    open_account(user.pk)
    written = record(user, at=at, **fields)
    written.save(force_insert=True)
    return written


def record(user: User, *, at: datetime, **fields: Any) -> UsageRecord:
    """Return such a record, not yet written."""
    columns: dict[str, Any] = {
        "id": uuid.uuid4(),
        "request_id": uuid.uuid4().hex,
        "endpoint": "chat/completions",
        "model": "openai/gpt-5-mini",
        "provider": "demo",
        "status": "ok",
        "source": "reported",
        "prompt_tokens": 10,
        "completion_tokens": 20,
        "charged": 30,
        "cost": Decimal("0.001"),
        "duration_ms": 100,
    }
    return UsageRecord(user=user, created_at=at, **columns | fields)
