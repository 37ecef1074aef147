"""Accounts for the ledger's tests: with exactly the tokens that a test speaks of."""

from accounts.models import User
from tests.factories import UserFactory
from tokens import ledger
from tokens.models import Balance, Entry, Tier

# No allowance but what a test grants, and limits that only the tests of limits meet.
ROOMY = {
    "monthly_tokens": 0,
    "requests_per_minute": 1_000_000,
    "tokens_per_minute": 10**12,
    "concurrent_requests": 100_000,
}


def account(tokens: int) -> User:
    """Create a user whose allowance of this period is that many tokens."""
    Tier.objects.update_or_create(name="free", defaults={"title": "Free", **ROOMY})
    user: User = UserFactory.create()
    ledger.open_account(user.pk)
    if tokens:
        ledger.grant(
            user_id=user.pk, amount=tokens, source=f"test:{user.pk}", kind=Entry.Kind.ALLOWANCE
        )
    return user


def parts(user: User) -> tuple[int, int, int, int, int]:
    """Return allocated, used, bonus, reserved, overdrawn."""
    balance = Balance.objects.get(user=user)
    return (
        balance.allocated,
        balance.used,
        balance.bonus,
        balance.reserved,
        balance.overdrawn,
    )
