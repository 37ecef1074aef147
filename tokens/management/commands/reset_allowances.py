from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from tokens.ledger.allowances import count_due
from tokens.tasks import reset_allowances


class Command(BaseCommand):
    help = "Renew allowances whose period has ended, and expire bonuses."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="Count them without changing them."
        )

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        if dry_run:
            self.stdout.write(f"{count_due()} balances are due")
        else:
            self.stdout.write(f"{reset_allowances()} balances brought up to date")
