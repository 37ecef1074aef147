"""Accounts for the ledger's tests: with exactly the tokens that a test speaks of."""

from accounts.models import User
from tests.factories import UserFactory
from tokens import ledger
from tokens.models import Balance, Entry, Tier


def account(tokens: int) -> User:
    """Create a user whose allowance of this period is that many tokens."""
    Tier.objects.get_or_create(name="free", defaults={"title": "Free", "monthly_tokens": 0})
    Tier.objects.filter(name="free").update(monthly_tokens=0)
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
