from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core import operations
from tokens.ledger.verify import verify
from tokens.models import Balance


class Command(BaseCommand):
    help = "Check every balance against its entries, reservations, grants and receipts."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--user", type=int, help="Check only the user with this id.")

    def handle(self, *args: Any, user: int | None, **options: Any) -> None:
        if user is not None:
            self._verify(user)
            return
        with operations.recorded("verify-ledger") as outcome:
            outcome.detail = self._verify(None)

    def _verify(self, user: int | None) -> str:
        found = verify(user_id=user)
        for discrepancy in found:
            self.stderr.write(str(discrepancy))
        if found:
            raise CommandError(f"{len(found)} discrepancies")
        accounts = Balance.objects.count() if user is None else 1
        result = f"The ledger is consistent: {accounts} balances checked."
        self.stdout.write(result)
        return result
