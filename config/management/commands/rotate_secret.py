"""Replace SECRET_KEY without signing users out, by SECRET_KEY_FALLBACKS."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config import rotation


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--env-file",
            type=Path,
            help="The file to write to, such as .env. Without it, the variables are only printed.",
        )
        parser.add_argument(
            "--keep",
            type=int,
            default=rotation.KEPT,
            help="How many former keys are still accepted.",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="Print what would change, and write no file."
        )

    def handle(
        self, *, env_file: Path | None = None, keep: int, dry_run: bool = False, **_: Any
    ) -> None:
        if keep < 1:
            raise CommandError("--keep must be 1 or more: with 0 everybody would be signed out.")
        variables = rotation.rotated(
            secret=settings.SECRET_KEY, fallbacks=settings.SECRET_KEY_FALLBACKS, keep=keep
        )
        if env_file is None:
            self.stdout.write("".join(f"{name}={value}\n" for name, value in variables.items()))
        elif dry_run:
            self.stdout.write(f"Would write {' and '.join(variables)} to {env_file}.")
        else:
            self._write(env_file, variables)

    def _write(self, env_file: Path, variables: dict[str, str]) -> None:
        try:
            rotation.write(env_file, variables)
        except OSError as error:
            raise CommandError(f"{env_file} cannot be written: {error}") from error
        self.stdout.write(f"Wrote {env_file}. Restart every process.")
