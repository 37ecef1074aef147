from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from billing.plans import seed_plans


class Command(BaseCommand):
    help = "Create the plans Free, Pro and Enterprise where they are missing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="Say what would be created.")

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        with transaction.atomic():
            created = seed_plans()
            transaction.set_rollback(dry_run)
        self.stdout.write(f"created: {', '.join(created) or 'nothing, all there'}")
