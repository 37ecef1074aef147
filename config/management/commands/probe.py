from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config import probe
from core.links import site_url


class Command(BaseCommand):
    help = "Make a real request through the public address of the site, and record the result."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="Print what would be asked, and ask nothing."
        )

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        if not settings.PROBE_API_KEY:
            raise CommandError("Set PROBE_API_KEY to an API key with the scope llm.")
        if dry_run:
            asked = settings.PROBE_MODEL or "the list of models"
            self.stdout.write(f"The probe would ask {site_url()} for {asked}.")
            return
        result = probe.run()
        if not result.succeeded:
            raise CommandError(result.detail)
        self.stdout.write(result.detail)
