"""Keeping our Stripe key, and secrets that Stripe issues, out of dj-stripe's tables.

dj-stripe looks up the account of a key in a table of keys, and stores each key that it is called
with there. Here, the process remembers the account instead. The database refuses secrets in that
table and in the webhook endpoints (migration 0009).
"""

import hashlib
from typing import Any

import stripe
from django.db.models.signals import pre_save
from djstripe.models import Account, StripeModel
from djstripe.settings import djstripe_settings

# By the digest of a key: the id of its account, or None where the key may not ask.
_accounts: dict[bytes, str | None] = {}
_SECRETS = frozenset({"client_secret", "secret"})


def keep_out() -> None:
    """Have dj-stripe keep no secrets. Called once, when the app is ready."""
    Account.get_or_retrieve_for_api_key = classmethod(_account_of)
    pre_save.connect(_withhold, dispatch_uid="billing.stripe.mirror_secrets")


def without_secrets(found: Any) -> Any:
    """Return an object of Stripe's without what lets its holder pay or sign: for storing it."""
    if isinstance(found, dict):
        return {
            name: without_secrets(value) for name, value in found.items() if name not in _SECRETS
        }
    if isinstance(found, list):
        return [without_secrets(each) for each in found]
    return found


def _account_of(cls: type[Account], api_key: str) -> Account | None:
    """Return the account that a key belongs to. Asks Stripe once for each key.

    A restricted key may not ask: then rows are without an account.
    """
    digest = hashlib.sha256(api_key.encode()).digest()
    if digest not in _accounts:
        _accounts[digest] = _asked(cls, api_key)
    found = _accounts[digest]
    return None if found is None else cls.objects.get_or_create(id=found)[0]


def _asked(cls: type[Account], api_key: str) -> str | None:
    try:
        account = cls.stripe_class.retrieve(
            api_key=api_key, stripe_version=djstripe_settings.STRIPE_API_VERSION
        )
    except stripe.PermissionError:
        return None
    return str(account["id"])


def _withhold(*, sender: Any, instance: Any, **_: Any) -> None:
    if issubclass(sender, StripeModel) and instance.stripe_data:
        instance.stripe_data = without_secrets(instance.stripe_data)
