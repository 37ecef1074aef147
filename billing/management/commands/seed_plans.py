from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from billing.models import Plan
from billing.pricing.plans import all_plans, seed_plans, sell_at_stripe
from billing.stripe import gateway
from billing.topups.packs import seed_packs
from core.errors import ApiError


class Command(BaseCommand):
    help = (
        "Create the plans and packs of a new site, and the plans' prices at Stripe, where missing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="Print what would be created, and create nothing.",
        )

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        with transaction.atomic():
            created = [*seed_plans(), *seed_packs()]
            plans = all_plans()  # A dry run has them only here.
            transaction.set_rollback(dry_run)
        self.stdout.write(f"created: {', '.join(created) or 'nothing, all there'}")
        if gateway.is_set_up():
            self._sell(plans, dry_run=dry_run)

    def _sell(self, plans: list[Plan], *, dry_run: bool) -> None:
        try:
            priced = sell_at_stripe(plans, dry_run=dry_run)
        except ApiError as failed:
            raise CommandError(f"Stripe: {failed.message}") from failed
        self.stdout.write(f"at Stripe: {', '.join(priced) or 'nothing, all there'}")
