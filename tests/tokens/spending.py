"""Users who opened an account at a known moment, what they spend, and their entries."""

from accounts.models import User
from tests.factories import UserFactory
from tests.tokens.clock import set_clock
from tokens import ledger
from tokens.ledger import Receipt
from tokens.models import Entry, Tier
from tokens.tiers import default_tier

RECEIPT = Receipt(model="test/model")


def joined(moment: str, tokens: int = 100, *, carries_over: bool = False) -> User:
    """Create a user who came, and opened their account, at that moment."""
    default_tier()
    Tier.objects.filter(name="free").update(monthly_tokens=tokens, carries_over=carries_over)
    user: User = UserFactory.create(date_joined=set_clock(moment))
    ledger.open_account(user.pk)
    return user


def spend(user: User, tokens: int) -> None:
    hold = ledger.reserve(user_id=user.pk, amount=tokens, ttl=60)
    ledger.settle(hold=hold, charge=tokens, receipt=RECEIPT)


def entries(user: User) -> list[tuple[str, int]]:
    return [*Entry.objects.filter(user=user).order_by("id").values_list("kind", "amount")]


def burn(user_id: int, tokens: int) -> None:
    hold = ledger.reserve(user_id=user_id, amount=tokens, ttl=60)
    ledger.settle(hold=hold, charge=tokens, receipt=Receipt(model="test/model"))
