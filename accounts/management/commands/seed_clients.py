"""Create or update the OpenID Connect clients of the editors."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from accounts.oidc import editors


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="Print what would change, and change nothing."
        )

    def handle(self, *, dry_run: bool = False, **_: Any) -> None:
        changed = editors.seed(dry_run=dry_run)
        verb = "Would write" if dry_run else "Wrote"
        self.stdout.write(f"{verb}: {', '.join(changed)}" if changed else "Nothing to do.")
