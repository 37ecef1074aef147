from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from tokens.analytics import comparison, feed
from tokens.analytics.warehouse import Unavailable
from tokens.models import AnalyticsFeed, ReceiptChange
from tokens.usage.partitions import InUse

_SHOWN = 20


class Command(BaseCommand):
    help = "Bring the copy of the receipts in ClickHouse (CLICKHOUSE_URL) up to date."

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group()
        what.add_argument(
            "--verify",
            action="store_true",
            help="Compare the sums of each day; fails if any differ.",
        )
        what.add_argument(
            "--rebuild", action="store_true", help="Drop ClickHouse's tables, and copy everything."
        )
        what.add_argument(
            "--stop", action="store_true", help="End the feed. ClickHouse keeps what it has."
        )
        what.add_argument("--status", action="store_true", help="Tell how far the feed has come.")
        parser.add_argument(
            "--since", type=date.fromisoformat, help="Compare only the days from this one on."
        )

    def handle(self, *args: Any, since: date | None, **options: Any) -> None:
        try:
            if options["stop"]:
                feed.stop()
                self.stdout.write("Changes are not noted any more")
            elif options["status"]:
                self._status()
            elif not settings.CLICKHOUSE_URL:
                raise CommandError("CLICKHOUSE_URL is not set.")
            elif options["verify"]:
                self._verify(since)
            else:
                self._feed(anew=options["rebuild"])
        except (Unavailable, feed.NotFed, comparison.Busy, InUse) as error:
            raise CommandError(str(error)) from error

    def _feed(self, *, anew: bool) -> None:
        if anew:
            feed.rebuild()
        self.stdout.write(f"{feed.feed()} rows written")
        self._status()

    def _status(self) -> None:
        state = AnalyticsFeed.objects.first()
        if state is None:
            self.stdout.write("There is no feed: changes are not noted")
            return
        waiting = ReceiptChange.objects.count()
        copied = "complete" if state.is_copied else f"made up to receipt {state.copied_to}"
        self.stdout.write(
            f"The copy is {copied}; fed until {state.fed_until}; {waiting} changes wait"
        )

    def _verify(self, since: date | None) -> None:
        try:
            days = comparison.prove(since=since)
        except comparison.Differs as found:
            for difference in found.differences[:_SHOWN]:
                self.stderr.write(str(difference))
            raise CommandError(str(found)) from found
        self.stdout.write(f"The sums of {days} days are equal")
