from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core import operations


class Command(BaseCommand):
    help = "Record how a backup or other work outside of the product ended, for /metrics."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="The work: backup, backup-verify …")
        result = parser.add_mutually_exclusive_group(required=True)
        result.add_argument("--succeeded", action="store_true")
        result.add_argument("--failed", action="store_true")
        parser.add_argument("--seconds", type=float, default=0.0, help="How long it took.")
        parser.add_argument("--dry-run", action="store_true", help="Only check the arguments.")
        parser.add_argument("--detail", default="", help="The result, in a sentence.")

    def handle(self, *args: Any, name: str, succeeded: bool, **options: Any) -> None:
        if not name or len(name) > 64:
            raise CommandError("The name of the operation must have 1 to 64 characters.")
        if not options["dry_run"]:
            operations.record(
                name, succeeded=succeeded, seconds=options["seconds"], detail=options["detail"]
            )
        self.stdout.write(f"Recorded that {name} {'succeeded' if succeeded else 'failed'}.")
