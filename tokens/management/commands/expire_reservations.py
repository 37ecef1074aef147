from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from tokens.models import Reservation
from tokens.tasks import expire_reservations


class Command(BaseCommand):
    help = "Settle the charges of dead workers of this machine, and expire overdue reservations."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="Count them without changing them."
        )

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        if dry_run:
            late = Reservation.objects.filter(state="held", expires_at__lte=timezone.now())
            self.stdout.write(f"{late.count()} reservations have expired")
        else:
            self.stdout.write(f"{expire_reservations()} reservations freed")
