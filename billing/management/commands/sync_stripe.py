from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing.events.sync import sync
from core.errors import ApiError


class Command(BaseCommand):
    help = "Rebuild subscriptions, invoices and their tokens from Stripe, and say what changed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="Print what would change, and change nothing."
        )

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        try:
            changes = sync(dry_run=dry_run)
        except ApiError as failed:
            raise CommandError(failed.message) from failed
        for change in changes:
            self.stdout.write(change)
        self.stdout.write(f"{len(changes)} changes")
