"""A copy of what is stored about a user (GDPR, articles 15 and 20), as one JSON document."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import orjson
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount

from accounts.api.serializers import SessionSerializer, UserSerializer
from accounts.models import User
from accounts.sessions import session_pairs
from apikeys.serializers import ApiKeySerializer
from billing.models import AutomaticTopUp, Invoice
from billing.serializers import InvoiceSerializer
from billing.subscriptions import overview
from core.database import in_thread
from tokens.api.serializers import BalanceSerializer, UsageRecordSerializer
from tokens.ledger import open_account
from tokens.usage import queries
from tokens.usage.queries import Filter

_PURCHASE = (
    "id", "created_at", "status", "tokens", "amount", "currency", "paid", "paid_at", "expires_at",
    "refunded", "taken_back", "automatic",
)  # fmt: skip


_BROWSER = ("agent", "network", "created_at", "last_used_at", "revoked_at")
_EVENT = ("created_at", "event", "detail", "network", "agent")
_AUTOMATIC = (
    "enabled", "pack", "threshold", "monthly_ceiling", "consented_at", "stopped", "stopped_at",
)  # fmt: skip


async def as_json(user: User) -> AsyncIterator[bytes]:
    """Write the account, and then the usage page by page, so that it needs little memory."""
    head = orjson.dumps(await in_thread(_account, user), default=str)
    yield head.removesuffix(b"}") + b',"usage":['
    pages = queries.pages(user.pk, Filter())
    before = b""
    while rows := await in_thread(_next_page, pages):
        yield before + rows
        before = b","
    yield b"]}"


def _account(user: User) -> dict[str, Any]:
    entries = user.token_entries.order_by("pk")
    return {
        "account": {
            **UserSerializer(user).data,
            "language": user.language,
            "time_zone": user.time_zone,
            "mails_balance": user.mails_balance,
            "mails_unusual_usage": user.mails_unusual_usage,
        },
        "email_addresses": list(
            EmailAddress.objects.filter(user=user).values("email", "verified", "primary")
        ),
        "linked_accounts": list(
            SocialAccount.objects.filter(user=user).values("provider", "uid", "date_joined")
        ),
        "devices": SessionSerializer(
            session_pairs.active(user), many=True, context={"current": None}
        ).data,
        "browsers": list(user.browser_sessions.values(*_BROWSER)),
        "security_events": list(user.security_events.values(*_EVENT)),
        "refused_requests": list(user.refused_days.values("day", "code", "requests")),
        "api_keys": ApiKeySerializer(user.api_keys.all(), many=True).data,
        "plan": overview.current(user),
        "invoices": InvoiceSerializer(
            Invoice.objects.filter(subscription__user=user), many=True
        ).data,
        "purchases": list(user.top_ups.values(*_PURCHASE)),
        "automatic_top_up": AutomaticTopUp.objects.filter(user=user).values(*_AUTOMATIC).first(),
        "balance": BalanceSerializer(open_account(user.pk)).data,
        "token_entries": list(entries.values("kind", "amount", "source", "note", "created_at")),
    }


def _next_page(pages: Iterator[list[Any]]) -> bytes:
    records = UsageRecordSerializer(next(pages, []), many=True).data
    return orjson.dumps(list(records), default=str)[1:-1]
