from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from llmproxy.catalog.sync import sync_models


class Command(BaseCommand):
    help = "Update the model catalog from the lists of the configured providers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="Read the lists, but do not write."
        )

        parser.add_argument(
            "--accept-loss",
            action="store_true",
            help="Accept a list that has lost most of its models.",
        )

    def handle(self, *args: Any, dry_run: bool, accept_loss: bool, **options: Any) -> None:
        report = sync_models(dry_run=dry_run, accept_loss=accept_loss)
        for name, count in report.synced.items():
            self.stdout.write(f"{name}: {count} models")
        for name, error in report.failed.items():
            self.stderr.write(f"{name}: {error}")
        if not (report.synced or report.failed):
            self.stderr.write("No provider is configured: see OPENROUTER_API_KEY in .env.example.")
        if report.failed and not report.synced:
            raise CommandError("no provider returned a list of models")
