import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from adminpanel.demo import seed_demo


class Command(BaseCommand):
    help = "Create the demo user with an API key, and the admin. In development only."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="Print one line of JSON.")
        parser.add_argument("--dry-run", action="store_true", help="Write nothing.")

    def handle(self, *args: Any, json: bool, dry_run: bool, **options: Any) -> None:
        if not settings.DEBUG:
            raise CommandError("the demo logins are known to everyone: not without DEBUG")
        with transaction.atomic():
            demo = asdict(seed_demo())
            transaction.set_rollback(dry_run)
        self.stdout.write(_one_line(demo) if json else _lines(demo))


def _one_line(demo: dict[str, str]) -> str:
    return json.dumps(demo)


def _lines(demo: dict[str, str]) -> str:
    return "\n".join(f"{name:15} {value}" for name, value in demo.items())
