"""The first page of the portal: what is left, what was used lately, and what to do next."""

from dataclasses import dataclass
from datetime import timedelta

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from accounts.models import User
from accounts.web.pages import visitor
from apikeys import keys
from billing.subscriptions import overview, subscribing
from portal import drawing
from tokens.ledger import open_account
from tokens.models import Balance, UsageRecord
from tokens.usage import queries
from tokens.usage.queries import Filter

_SHOWN = 8
_SESSION_FOR = timedelta(hours=24)


@dataclass(frozen=True)
class Spent:
    """What some requests have cost."""

    requests: int = 0
    charged: int = 0
    name: str = ""


@login_required
def show(request: HttpRequest) -> HttpResponse:
    """Draw the overview. Its live part is fetched again every few seconds."""
    user = visitor(request)
    balance = open_account(user.pk)
    row = subscribing.current(user)
    facts = {
        "balance": balance,
        "usage": overview.usage(user),
        "current": overview.current(user),
        "pay_at": row and subscribing.pay_at(row),
        "left": balance.available + balance.reserved,
        "whole": balance.allocated + balance.bonus,
        "parts": _parts(balance),
        "today": _today(user),
        "session": _session(user),
        "records": latest(user, at_most=_SHOWN),
        "has_keys": keys.active(user).exists(),
        "granted": user.token_grants.filter(remaining__gt=0).order_by("expires_at"),
    }
    return render(request, "portal/overview.html", facts)


def latest(user: User, *, at_most: int) -> list[UsageRecord]:
    """Return the user's latest receipts."""
    return queries.at(list(queries.places(user.pk, Filter())[:at_most]))


def _parts(balance: Balance) -> list[drawing.Part]:
    """Divide the bar: what is reserved is part of the rest of allowance and bonus."""
    allowance = balance.allocated - balance.used
    reserved = min(balance.reserved, allowance + balance.bonus)
    of_allowance = min(reserved, allowance)
    kinds = [
        ("allowance", allowance - of_allowance),
        ("bonus", balance.bonus - (reserved - of_allowance)),
        ("reserved", reserved),
    ]
    return drawing.parts(kinds, whole=balance.allocated + balance.bonus)


def _today(user: User) -> Spent:
    """Sum what was used since midnight in the visitor's time zone."""
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    return _sum(user, Filter(since=midnight))


def _session(user: User) -> Spent | None:
    """Sum the session of the latest request, if clients name theirs."""
    since = timezone.now() - _SESSION_FOR
    named = queries.records(user.pk, Filter(since=since)).exclude(session="")
    name = named.order_by("-created_at").values_list("session", flat=True).first()
    return _sum(user, Filter(since=since, session=name), name=name) if name else None


def _sum(user: User, wanted: Filter, *, name: str = "") -> Spent:
    rows = queries.sums(user.pk, wanted, "day")
    requests = sum(row.requests for row in rows)
    return Spent(requests, sum(row.charged for row in rows), name)
