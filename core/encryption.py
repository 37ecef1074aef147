"""Encryption of small secrets that have to be read again: Fernet, by SECRET_KEY.

Each purpose has a key of its own. What a former SECRET_KEY encrypted can be read while that is in
SECRET_KEY_FALLBACKS. A copy of the database alone reveals nothing.
"""

import base64
import hashlib
import hmac
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class Unreadable(Exception):
    """Not encrypted for this purpose with SECRET_KEY or one of SECRET_KEY_FALLBACKS."""


def encrypt(text: str, *, purpose: str) -> str:
    """Return the text, encrypted with SECRET_KEY."""
    return _fernet(settings.SECRET_KEY, purpose).encrypt(text.encode()).decode()


def decrypt(encrypted: str, *, purpose: str) -> str:
    """Return the text. Raises ``Unreadable``."""
    secrets = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    try:
        fernets = MultiFernet([_fernet(secret, purpose) for secret in secrets])
        return fernets.decrypt(encrypted.encode()).decode()
    except InvalidToken as unknown:
        raise Unreadable from unknown


def is_by_present_key(encrypted: str, *, purpose: str) -> bool:
    """Tell whether SECRET_KEY itself reads it, not one of SECRET_KEY_FALLBACKS."""
    try:
        _fernet(settings.SECRET_KEY, purpose).decrypt(encrypted.encode())
    except InvalidToken:
        return False
    return True


@lru_cache(maxsize=64)
def _fernet(secret: str, purpose: str) -> Fernet:
    derived = hmac.new(secret.encode(), purpose.encode(), hashlib.sha256).digest()
    return Fernet(base64.urlsafe_b64encode(derived))
