"""One free allowance for each mailbox and period, also after an account was deleted.

An account belongs to a mailbox: the keyed hash of its canonical address (``accounts.canonical``).
``FreeAllowance`` records the free tokens that the mailbox was granted in its period. The row is
kept after the accounts are deleted, without a link to them. ``tokens/sql/free_allowances.sql``
reads it under its lock. A second account of the mailbox gets the rest of the allowance.
"""

from django.utils import timezone

from accounts.canonical import canonical
from accounts.models import User
from tokens.ledger.functions import call
from tokens.ledger.mailbox_key import digest
from tokens.models import Balance, FreeAllowance, Mailbox

_BATCH = 1000


def note(user: User) -> None:
    """Record the mailbox of a new account, unless the account was deleted."""
    if user.is_deleted:
        return
    Mailbox.objects.update_or_create(user_id=user.pk, defaults={"digest": _digest_of(user)})


def follow(user: User) -> None:
    """Record the account's new mailbox. The grants of the former mailbox stay recorded."""
    known = Mailbox.objects.filter(user_id=user.pk)
    if known.exists():
        known.update(digest=_digest_of(user))


def forget(user: User) -> None:
    """Delete the link to the mailbox of a deleted account. The mailbox's grants are kept."""
    if not Mailbox.objects.filter(user_id=user.pk).exists():
        call("tokens_note_mailbox", user.pk, _digest_of(user))
    Mailbox.objects.filter(user_id=user.pk).delete()
    FreeAllowance.objects.filter(holder_id=user.pk).update(holder=None)


def forget_ended() -> int:
    """Delete the records of periods that have ended; returns how many."""
    return FreeAllowance.objects.filter(period_end__lt=timezone.now()).delete()[0]


def note_missing() -> int:
    """Record the mailboxes of accounts that were created by an earlier version."""
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
    except ValueError:  # an address that is refused today
        address = user.email
    return digest(address)
