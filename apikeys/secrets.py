"""Generating and checking API keys. Pure.

A key is ``tgk_`` + 40 random base-62 characters (238 bits) + a 6-character checksum, like GitHub's
tokens: secret scanners recognize it, and a typo is detected offline. Such a key cannot be guessed,
so a plain SHA-256 digest is enough; salt and key stretching are for weak secrets.
"""

import hashlib
import secrets
import string
import zlib

PREFIX = "tgk_"
SHOWN = 12
_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM = 40
_CHECKSUM = 6


def new_key() -> str:
    """Return a fresh key. It is shown once; only its digest is stored."""
    return complete("".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM)))


def derived_key(secret: str) -> str:
    """Return the same key for the same secret: for the demo user of a development checkout."""
    number = int.from_bytes(hashlib.sha256(secret.encode()).digest())
    return complete(_base62(number, _RANDOM))


def complete(random: str) -> str:
    """Add prefix and checksum to the random part."""
    return PREFIX + random + _base62(zlib.crc32(random.encode()), _CHECKSUM)


def is_well_formed(key: str) -> bool:
    """Tell whether this can be a key at all, without asking a database."""
    random = key.removeprefix(PREFIX)[:-_CHECKSUM]
    return len(random) == _RANDOM and key == complete(random)


def digest(key: str) -> str:
    """Return what is stored: 64 hex digits."""
    return hashlib.sha256(key.encode()).hexdigest()


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(_ALPHABET[digit])
    return "".join(digits)
