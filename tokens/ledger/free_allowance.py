"""One free allowance for each mailbox and period, also after an account was deleted.

An account belongs to a mailbox: the keyed hash of its canonical address (``accounts.canonical``).
What the mailbox was given for free in its period stands in ``FreeAllowance``, which outlives its
accounts and then has no link to them; the SQL of ``tokens/sql/free_allowances.sql`` decides by it,
under its lock. A second account is welcome, and gets what is left of the allowance.
"""

from django.utils import timezone

from accounts.canonical import canonical
from accounts.models import User
from tokens.ledger.functions import call
from tokens.ledger.mailbox_key import digest
from tokens.models import Balance, FreeAllowance, Mailbox

_BATCH = 1000


def note(user: User) -> None:
    """Note which mailbox a new account belongs to; none for one that was deleted."""
    if user.is_deleted:
        return
    Mailbox.objects.update_or_create(user_id=user.pk, defaults={"digest": _digest_of(user)})


def follow(user: User) -> None:
    """Follow a new address of the account. What its former mailbox was given stays noted there."""
    known = Mailbox.objects.filter(user_id=user.pk)
    if known.exists():
        known.update(digest=_digest_of(user))


def forget(user: User) -> None:
    """Forget whose mailbox it was: the account is deleted. What the mailbox was given stays."""
    if not Mailbox.objects.filter(user_id=user.pk).exists():
        call("tokens_note_mailbox", user.pk, _digest_of(user))
    Mailbox.objects.filter(user_id=user.pk).delete()
    FreeAllowance.objects.filter(holder_id=user.pk).update(holder=None)


def forget_ended() -> int:
    """Delete what was given in periods that have ended; returns how many there were."""
    return FreeAllowance.objects.filter(period_end__lt=timezone.now()).delete()[0]


def note_missing() -> int:
    """Note the mailboxes of accounts that were opened by an earlier version."""
    noted = 0
    while batch := _without_mailbox():
        for user in batch:
            call("tokens_note_mailbox", user.pk, _digest_of(user))
        noted += len(batch)
    return noted


def _without_mailbox() -> list[User]:
    opened = Balance.objects.filter(user__mailbox=None, user__deleted_at=None)
    ids = opened.values_list("user_id", flat=True)[:_BATCH]
    return list(User.objects.filter(pk__in=list(ids)).only("email"))


def _digest_of(user: User) -> str:
    try:
        address = canonical(user.email)
    except ValueError:  # an address from before such were refused
        address = user.email
    return digest(address)
