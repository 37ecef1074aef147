"""Users with a key each, on a plan of the run's own."""

from django.db import connection
from django.utils import timezone

from accounts.models import User
from apikeys import keys
from tokens import ledger
from tokens.models import Balance, Tier

_PLENTY = 2_000_000_000


def plan(name: str, **limits: int) -> str:
    """Write a plan without any limit but those given; returns its name."""
    plenty = {
        "monthly_tokens": _PLENTY,
        "requests_per_minute": _PLENTY,
        "tokens_per_minute": _PLENTY * 1000,
        "concurrent_requests": _PLENTY,
    }
    Tier.objects.update_or_create(name=name, defaults={"title": name, **plenty, **limits})
    return name


def with_keys(count: int, *, tier: str) -> list[str]:
    """Make so many new users, and return their keys."""
    began = timezone.now().timestamp()
    users = User.objects.bulk_create(
        User(email=f"{tier}-{began}-{number}@example.com") for number in range(count)
    )
    for user in users:
        ledger.open_account(user.pk)
        ledger.grant(user_id=user.pk, amount=_PLENTY, source=f"chaos:{user.pk}")
    Balance.objects.filter(user__in=users).update(tier=tier)
    texts = [keys.create(user=user, name="chaos")[1] for user in users]
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return texts
