"""The secrets of second factors are encrypted in the database.

Rows of former versions hold them in the clear. An hourly task encrypts these, and encrypts with the
present SECRET_KEY what a former one encrypted. Until then, both are read.
"""

from allauth.mfa.models import Authenticator
from django.db import transaction

from core import encryption

PURPOSE = "accounts.flows.factor_secrets"
_MARK = "fernet:"
# Where the library keeps them, by kind of factor: an authenticator app, recovery codes.
FIELDS = ("secret", "seed")


def encrypt(secret: str) -> str:
    return _MARK + encryption.encrypt(secret, purpose=PURPOSE)


def decrypt(stored: str) -> str:
    """Return the secret. Raises ``encryption.Unreadable``."""
    if not stored.startswith(_MARK):
        return stored
    return encryption.decrypt(stored.removeprefix(_MARK), purpose=PURPOSE)


def encrypt_again() -> int:
    """Encrypt every secret with the present SECRET_KEY; return how many were not.

    What cannot be read stays as it is: with the SECRET_KEY of before, it is readable again.
    """
    old = [
        row.pk
        for row in Authenticator.objects.only("pk", "data").iterator()
        if any(not _is_fresh(row.data[name]) for name in FIELDS if name in row.data)
    ]
    return sum(_renew(pk) for pk in old)


@transaction.atomic
def _renew(pk: int) -> bool:
    row = Authenticator.objects.select_for_update().filter(pk=pk).first()
    if row is None:
        return False
    try:
        row.data |= {name: encrypt(decrypt(row.data[name])) for name in FIELDS if name in row.data}
    except encryption.Unreadable:
        return False
    row.save(update_fields=["data"])
    return True


def _is_fresh(stored: str) -> bool:
    return stored.startswith(_MARK) and encryption.is_by_present_key(
        stored.removeprefix(_MARK), purpose=PURPOSE
    )
