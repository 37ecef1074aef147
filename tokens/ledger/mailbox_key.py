"""The key for the digests of mailboxes.

A plain hash of an address can be reversed by guessing addresses, so it is keyed. The key must stay
the same when SECRET_KEY is rotated, or all mailboxes would get another allowance. So it is random,
created once, and stored in the database, encrypted with SECRET_KEY: a copy of the database alone
reveals no address. After a rotation it is decrypted with SECRET_KEY_FALLBACKS and encrypted again.
"""

import hashlib
import hmac

import structlog
from cryptography.fernet import Fernet

from core import encryption
from tokens.models import MailboxKey

log = structlog.get_logger("tokengate.tokens")

_PURPOSE = "tokens.ledger.mailbox_key"


def digest(address: str) -> str:
    """Return the keyed hash of a canonical address, in hexadecimal."""
    return hmac.new(_key().encode(), address.encode(), hashlib.sha256).hexdigest()


def _key() -> str:
    row = MailboxKey.objects.first()
    if row is None:
        wrapped = _wrapped(_new())
        row, _ = MailboxKey.objects.get_or_create(id=1, defaults={"wrapped": wrapped})
    if encryption.is_by_present_key(row.wrapped, purpose=_PURPOSE):
        return _unwrapped(row)
    return _rewrapped(row)


def _rewrapped(row: MailboxKey) -> str:
    """Encrypt the key with the current SECRET_KEY. If it cannot be decrypted, create another."""
    try:
        key = _unwrapped(row)
    except encryption.Unreadable:
        log.warning("mailbox_key_lost", hint="SECRET_KEY was replaced without a fallback")
        key = _new()
    if not MailboxKey.objects.filter(id=1, wrapped=row.wrapped).update(wrapped=_wrapped(key)):
        return _unwrapped(MailboxKey.objects.get(id=1))
    return key


def _new() -> str:
    return Fernet.generate_key().decode()


def _wrapped(key: str) -> str:
    return encryption.encrypt(key, purpose=_PURPOSE)


def _unwrapped(row: MailboxKey) -> str:
    return encryption.decrypt(row.wrapped, purpose=_PURPOSE)
