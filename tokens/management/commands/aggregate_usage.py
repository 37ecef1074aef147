from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tokens.usage import aggregates, monthly


class Command(BaseCommand):
    help = "Update the sums of the usage records by day and month."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--since", type=date.fromisoformat, help="Recompute every day from this one on."
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="List the days without changing them."
        )
        parser.add_argument(
            "--check",
            action="store_true",
            help="Compare the sums of days with the records, and those of months with days.",
        )

    def handle(
        self, *args: Any, since: date | None, dry_run: bool, check: bool, **options: Any
    ) -> None:
        days = aggregates.open_days(since=since)
        if dry_run:
            self.stdout.write(f"{len(days)} days from {days[0]} to {days[-1]} are due")
        elif check:
            self._check(days)
        else:
            self.stdout.write(f"{aggregates.aggregate(since=since)} days brought up to date")

    def _check(self, days: list[date]) -> None:
        wrong = [day for day in days if aggregates.differing(day)]
        if wrong:
            raise CommandError(
                f"The sums of these days are not exact: {', '.join(map(str, wrong))}"
            )
        months = sorted({day.replace(day=1) for day in days})
        wrong = [month for month in months if monthly.differing(month)]
        if wrong:
            names = ", ".join(f"{month:%Y-%m}" for month in wrong)
            raise CommandError(f"The sums of these months are not those of their days: {names}")
        self.stdout.write(f"The sums of {len(days)} days are exact")
