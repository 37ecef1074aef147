from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from llmproxy.sync import sync_models


class Command(BaseCommand):
    help = "Bring the model catalog up to date with the lists of the configured providers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="Read the lists, write nothing.")

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        report = sync_models(dry_run=dry_run)
        for name, count in report.synced.items():
            self.stdout.write(f"{name}: {count} models")
        for name, error in report.failed.items():
            self.stderr.write(f"{name}: {error}")
        if report.failed and not report.synced:
            raise CommandError("no provider gave a list of models")
