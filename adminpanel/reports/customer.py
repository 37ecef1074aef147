"""What staff see of one user, read in a few queries. Read-only."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.utils.formats import date_format

from accounts.models import User
from adminpanel.reports.tables import Table
from billing.models import Subscription
from tokens.models import Balance

SHOWN = 10


@dataclass(frozen=True)
class Overview:
    """What a user's page shows. The tables have the newest rows of one kind each, as text."""

    user: User
    balance: Balance | None
    figures: list[tuple[str, int]]
    subscription: Subscription | None
    tables: list[Table]


def overview(user: User, *, reader: User) -> Overview:
    """Return what the user's page shows its reader: plan and tokens, the newest of all else.

    Whatever the reader may not list elsewhere is left out.
    """
    balance = Balance.objects.select_related("tier").filter(user=user).first()
    tables = [read(user) for needed, read in _TABLES if reader.has_perm(needed)]
    return Overview(user, balance, _figures(balance), _subscription(user), tables)


def _figures(balance: Balance | None) -> list[tuple[str, int]]:
    if balance is None:
        return []
    names = ("available", "allocated", "bonus", "used", "reserved")
    return [(name.capitalize(), getattr(balance, name)) for name in names]


def _subscription(user: User) -> Subscription | None:
    newest = user.subscriptions.select_related("plan__tier").order_by("-created_at")
    return newest.first()


def _sessions(user: User) -> Table:
    rows = user.sessions.order_by("-last_used_at")[:SHOWN]
    return Table(
        "sessions",
        "Sessions",
        ["Device", "Signed in", "Last used", "Until", "Revoked"],
        [
            [
                str(row),
                when(row.created_at),
                when(row.last_used_at),
                when(row.expires_at),
                when(row.revoked_at),
            ]
            for row in rows
        ],
    )


def _events(user: User) -> Table:
    rows = user.security_events.all()[:SHOWN]
    return Table(
        "events",
        "Security events",
        ["Time", "Event", "Of", "Program", "Network"],
        [[when(row.created_at), row.event, row.detail, row.agent, row.network] for row in rows],
    )


def _keys(user: User) -> Table:
    rows = user.api_keys.order_by("-created_at")[:SHOWN]
    return Table(
        "keys",
        "API keys",
        ["Key", "Scopes", "Made", "Last used", "Expires", "Revoked"],
        [
            [
                str(row),
                ", ".join(row.scopes),
                when(row.created_at),
                when(row.last_used_at),
                when(row.expires_at),
                when(row.revoked_at),
            ]
            for row in rows
        ],
    )


def _usage(user: User) -> Table:
    rows = user.usage_records.order_by("-created_at", "-id")[:SHOWN]
    return Table(
        "usage",
        "Recent usage",
        ["Time", "Model", "Provider", "Status", "Prompt", "Completion", "Charged"],
        [
            [
                when(row.created_at),
                row.model,
                row.provider,
                row.get_status_display(),
                f"{row.prompt_tokens:,}",
                f"{row.completion_tokens:,}",
                f"{row.charged:,}" if row.final else f"{row.charged:,} (provisional)",
            ]
            for row in rows
        ],
    )


def _audit(user: User) -> Table:
    kind = ContentType.objects.get_for_model(User)
    about = LogEntry.objects.filter(content_type=kind, object_id=str(user.pk))
    rows = about.select_related("user").order_by("-action_time")[:SHOWN]
    return Table(
        "audit",
        "Audit log",
        ["Time", "Who", "What and why"],
        [
            [
                when(row.action_time),
                row.user.email,
                row.get_change_message() or row.get_action_flag_display(),
            ]
            for row in rows
        ],
    )


def when(moment: datetime | None) -> str:
    """Return a moment (UTC) as the pages show it, to the minute."""
    return date_format(moment, "DATETIME_FORMAT") if moment else "-"


# For whom each table is. The audit of a user is their page's history.
_TABLES: tuple[tuple[str, Callable[[User], Table]], ...] = (
    ("accounts.view_session", _sessions),
    ("accounts.view_securityevent", _events),
    ("apikeys.view_apikey", _keys),
    ("tokens.view_usagerecord", _usage),
    ("accounts.view_user", _audit),
)
