import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from adminpanel.demo.developer import seed_demo
from adminpanel.demo.year import Past, seed_past

_MOST_DAYS = 3 * 366


class Command(BaseCommand):
    help = (
        "Create the demo user with an API key, and the admin; with --days a past of that many days:"
        " users, subscriptions, invoices and usage. In development only."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="Print one line of JSON.")
        parser.add_argument(
            "--dry-run", action="store_true", help="Print what would be written, and write nothing."
        )
        parser.add_argument(
            "--days",
            type=int,
            help="Generate usage and payments for this many past days, unless they exist.",
        )
        parser.add_argument(
            "--force",
            action="store_true",
            help="Run without DEBUG, too. Generates only the past, never the demo logins.",
        )

    def handle(
        self,
        *args: Any,
        json: bool,
        dry_run: bool,
        days: int | None,
        force: bool,
        **options: Any,
    ) -> None:
        if not settings.DEBUG and not (force and days):
            raise CommandError("the demo logins are known to everyone: not without DEBUG")
        if days is not None and not 1 <= days <= _MOST_DAYS:
            raise CommandError(f"--days takes 1 to {_MOST_DAYS}")
        with transaction.atomic():
            demo = asdict(seed_demo()) if settings.DEBUG else {}
            past = seed_past(days) if days else None
            transaction.set_rollback(dry_run)
        if past and not json:
            self.stdout.write(_summary(past))
        self.stdout.write(_one_line(demo) if json else _lines(demo))


def _summary(past: Past) -> str:
    return (
        f"{'A past' if past.fresh else 'There was a past already'}: {past.users} users, "
        f"{past.subscriptions} subscriptions, {past.invoices} invoices, {past.records} records"
    )


def _one_line(demo: dict[str, str]) -> str:
    return json.dumps(demo)


def _lines(demo: dict[str, str]) -> str:
    return "\n".join(f"{name:15} {value}" for name, value in demo.items())
