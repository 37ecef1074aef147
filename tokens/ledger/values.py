"""The parameters and results of the ledger."""

import uuid
from decimal import Decimal
from typing import Any

from msgspec import Struct

from tokens.models import UsageRecord


class Hold(Struct, frozen=True):
    """Tokens reserved for one request. ``available`` is the user's balance just after."""

    id: uuid.UUID
    user_id: int
    amount: int
    available: int


class Settlement(Struct, frozen=True):
    """The result of closing a reservation. ``fresh`` is false if it was closed before."""

    charged: int
    available: int
    fresh: bool


class HoldContext(Struct, frozen=True):
    """The request of a reservation, kept for its receipt. An empty endpoint leaves none."""

    request_id: str = ""
    api_key: uuid.UUID | None = None
    key_budget: int | None = None
    endpoint: str = ""
    model: str = ""
    session: str = ""
    task: str = ""
    session_budget: int | None = None
    task_budget: int | None = None


class Correction(Struct, frozen=True, kw_only=True):
    """The final usage of a provisional receipt: the new values of its columns."""

    provider: str
    upstream_id: str
    source: str = UsageRecord.Source.REPORTED
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    surplus_tokens: int = 0
    price_prompt: Decimal | str | None = None
    price_completion: Decimal | str | None = None
    price_cached: Decimal | str | None = None
    price_cache_write: Decimal | str | None = None
    price_request: Decimal | str | None = None
    weight_prompt: Decimal | str | None = None
    weight_completion: Decimal | str | None = None
    weight_cache_read: Decimal | str | None = None
    weight_cache_write: Decimal | str | None = None
    cost: Decimal | None = None
    upstream_cost: Decimal | None = None


class Receipt(Struct, kw_only=True):
    """How a request ended: the columns of a usage record that its caller knows."""

    model: str
    status: str = UsageRecord.Status.OK
    source: str = UsageRecord.Source.REPORTED
    final: bool = True
    provider: str = ""
    upstream_id: str = ""
    streamed: bool = False
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    surplus_tokens: int = 0
    price_prompt: Decimal | str | None = None
    price_completion: Decimal | str | None = None
    price_cached: Decimal | str | None = None
    price_cache_write: Decimal | str | None = None
    price_request: Decimal | str | None = None
    weight_prompt: Decimal | str | None = None
    weight_completion: Decimal | str | None = None
    weight_cache_read: Decimal | str | None = None
    weight_cache_write: Decimal | str | None = None
    cost: Decimal | None = None
    upstream_cost: Decimal | None = None
    attempts: list[dict[str, Any]] = []
    first_byte_ms: int | None = None
    duration_ms: int = 0
