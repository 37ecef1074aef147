"""Print docs/permissions.md, which lists who can call each route, or write it."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from config import access


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--write", action="store_true", help="Write docs/permissions.md.")

    def handle(self, *, write: bool, **_: Any) -> None:
        if write:
            (settings.BASE_DIR / "docs/permissions.md").write_text(access.table())
        else:
            self.stdout.write(access.table(), ending="")
