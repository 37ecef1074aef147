"""What is to be copied to the analytical database, and how far that has come."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class ReceiptChange(models.Model):
    """A change that the analytical database does not have yet: an outbox, which triggers fill.

    Three kinds: a receipt that was written or changed (`receipt` alone), a provisional receipt that
    was deleted (all three), and a user whose plan was changed (without `receipt`).
    """

    receipt = models.UUIDField(null=True, help_text="The receipt's id.")
    user_id = models.BigIntegerField(
        null=True, help_text="The user of a deleted receipt, or whose plan was changed."
    )
    since = models.DateTimeField(
        null=True,
        help_text="When the deleted receipt's request began, or the day on which the plan changed.",
    )
    noted_at = models.DateTimeField(db_default=Now(), help_text="When it was written.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="receipt_change_of_a_kind",
                condition=Q(receipt__isnull=False, user_id=None, since=None)
                | Q(user_id__isnull=False, since__isnull=False),
            )
        ]
        indexes = [
            models.Index(
                name="receipt_change_of_a_plan", fields=["id"], condition=Q(receipt__isnull=True)
            )
        ]

    def __str__(self) -> str:
        return f"receipt {self.receipt}" if self.receipt else f"plan of user {self.user_id}"


class AnalyticsFeed(models.Model):
    """How far the analytical database is fed: one row, from the first run until it is stopped."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    identity = models.UUIDField(help_text="Names this feed in the analytical database.")
    started_at = models.DateTimeField(help_text="When the feed began.")
    run = models.BigIntegerField(
        default=0, help_text="The number of the last batch: the version of its rows."
    )
    acknowledged = models.BigIntegerField(
        default=0, help_text="The last batch that the analytical database has stored."
    )
    copy_run = models.BigIntegerField(
        default=0,
        help_text="The last batch before the copy began.",
    )
    copied_to = models.UUIDField(
        null=True, help_text="The last receipt of the copy so far. Null: none yet."
    )
    is_copied = models.BooleanField(
        default=False, help_text="Whether the copy is complete; from then on changes are fed."
    )
    covers_from = models.DateField(
        null=True,
        help_text="Records of earlier days were deleted before they were copied. Null: none.",
    )
    fed_until = models.DateTimeField(
        null=True, help_text="All that was committed then is in the analytical database."
    )
    leased_until = models.DateTimeField(
        null=True, help_text="Until when a process feeds, and others wait."
    )

    class Meta:
        constraints = [
            models.CheckConstraint(name="analytics_feed_one_row", condition=Q(id=1)),
        ]

    def __str__(self) -> str:
        return f"fed until {self.fed_until}"
