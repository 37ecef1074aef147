from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config import maintenance
from core import operations


class Command(BaseCommand):
    help = (
        "Create the coming months' partitions, prune by retention, analyze tables, rebuild bloated"
        " indexes without blocking, and check."
        " It can be repeated and interrupted at any time."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="Print what would be done, and change nothing."
        )
        parser.add_argument(
            "--reindex-above-mb",
            type=float,
            default=maintenance.REINDEX_ABOVE_MB,
            help="Leave smaller indexes as they are.",
        )

    def handle(self, *args: Any, dry_run: bool, reindex_above_mb: float, **options: Any) -> None:
        try:
            if dry_run:
                self._maintain(dry_run=True, above=reindex_above_mb)
                return
            with operations.recorded("maintain") as outcome:
                report = self._maintain(dry_run=False, above=reindex_above_mb)
                outcome.detail = str(report)
                if report.problems:
                    raise CommandError(str(report))
        except maintenance.AlreadyRunningError as running:
            raise CommandError(str(running)) from running

    def _maintain(self, *, dry_run: bool, above: float) -> maintenance.Report:
        report = maintenance.maintain(
            say=self.stdout.write, dry_run=dry_run, reindex_above_mb=above
        )
        self.stdout.write(str(report))
        return report
