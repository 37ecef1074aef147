"""`python -m tests.replica.person`: make a user with tokens, a model and a key; print the key."""

import os
import sys
from uuid import uuid4

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


def main() -> str:
    """Return the key."""
    from apikeys import keys
    from llmproxy.models import Model
    from tests.developer import MODEL
    from tests.factories import RouteFactory, UserFactory
    from tests.tokens.accounts import account

    if not Model.objects.filter(name=MODEL).exists():
        RouteFactory.create(model__name=MODEL)
    first = uuid4().int >> 64  # other processes have made users, too
    UserFactory.reset_sequence(first)  # type: ignore[no-untyped-call]
    _, key = keys.create(user=account(1_000_000), name="test", scopes=["llm", "tokens:read"])
    return key


if __name__ == "__main__":
    django.setup()
    sys.stdout.write(main())
