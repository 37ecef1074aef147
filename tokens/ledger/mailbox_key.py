"""The key that the digests of mailboxes are made with.

A plain hash of an address can be undone by guessing addresses, so it is keyed. The key must stay
the same when SECRET_KEY is rotated, or everybody's allowance would begin anew. So it is random,
made once, and kept in the database encrypted with SECRET_KEY: a copy of the database alone undoes
nothing. After a rotation it is read by SECRET_KEY_FALLBACKS, and encrypted anew.
"""

import base64
import hashlib
import hmac

import structlog
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

from tokens.models import MailboxKey

log = structlog.get_logger("tokengate.tokens")

_PURPOSE = b"tokens.ledger.mailbox_key"


def digest(address: str) -> str:
    """Return the keyed hash of a canonical address, in hexadecimal."""
    return hmac.new(_key(), address.encode(), hashlib.sha256).hexdigest()


def _key() -> bytes:
    row = MailboxKey.objects.first()
    if row is None:
        wrapped = _newest().encrypt(Fernet.generate_key()).decode()
        row, _ = MailboxKey.objects.get_or_create(id=1, defaults={"wrapped": wrapped})
    return _unwrapped(row)


def _unwrapped(row: MailboxKey) -> bytes:
    wrapped = row.wrapped.encode()
    try:
        return _newest().decrypt(wrapped)
    except InvalidToken:
        return _rewrapped(row, wrapped)


def _rewrapped(row: MailboxKey, wrapped: bytes) -> bytes:
    """Encrypt the key with today's SECRET_KEY; where it cannot be read any more, make another."""
    former = [_fernet(each) for each in settings.SECRET_KEY_FALLBACKS]
    try:
        key = MultiFernet([_newest(), *former]).decrypt(wrapped)
    except InvalidToken:
        log.warning("mailbox_key_lost", hint="SECRET_KEY was replaced without a fallback")
        key = Fernet.generate_key()
    anew = _newest().encrypt(key).decode()
    if not MailboxKey.objects.filter(id=1, wrapped=row.wrapped).update(wrapped=anew):
        return _newest().decrypt(MailboxKey.objects.get(id=1).wrapped.encode())
    return key


def _newest() -> Fernet:
    return _fernet(settings.SECRET_KEY)


def _fernet(secret: str) -> Fernet:
    derived = hmac.new(secret.encode(), _PURPOSE, hashlib.sha256).digest()
    return Fernet(base64.urlsafe_b64encode(derived))
