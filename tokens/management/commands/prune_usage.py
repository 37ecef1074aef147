from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from tokens.usage import retention


class Command(BaseCommand):
    help = "Delete the details of old usage. Daily sums and ledger entries are kept."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--days",
            type=int,
            default=settings.USAGE_RETENTION_DAYS,
            help="How many days to keep; USAGE_RETENTION_DAYS by default. 0 keeps all.",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="Count the records without deleting them."
        )

    def handle(self, *args: Any, days: int, dry_run: bool, **options: Any) -> None:
        if not days:
            self.stdout.write("All usage is kept: USAGE_RETENTION_DAYS is 0")
            return
        try:
            self._prune(days, dry_run=dry_run)
        except ValueError as few:
            raise CommandError(str(few)) from few

    def _prune(self, days: int, *, dry_run: bool) -> None:
        if dry_run:
            self.stdout.write(f"{retention.due(keep_days=days)} records would be deleted")
        else:
            self.stdout.write(f"{retention.prune(keep_days=days)} records deleted")
