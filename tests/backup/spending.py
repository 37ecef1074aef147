"""`python -m tests.backup.spending N`: a new user spends tokens by so many requests."""

import os
import sys
from uuid import uuid4

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


def main(requests: int) -> None:
    """Reserve and settle so many times."""
    from tests.factories import UserFactory
    from tests.tokens.accounts import account
    from tests.tokens.spending import burn

    first = uuid4().int >> 64  # other processes have made users, too
    UserFactory.reset_sequence(first)  # type: ignore[no-untyped-call]
    user = account(10 * requests)
    for _ in range(requests):
        burn(user.pk, 3)


if __name__ == "__main__":
    django.setup()
    main(int(sys.argv[1]))
