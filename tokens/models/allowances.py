"""One free allowance for each mailbox and period (``tokens.ledger.free_allowance``)."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q


class FreeAllowance(models.Model):
    """The free tokens of a mailbox in its last period. Kept after its accounts are deleted."""

    digest = models.CharField(
        max_length=64, primary_key=True, help_text="Keyed hash of the canonical address."
    )
    period_start = models.DateTimeField(help_text="The start of the period.")
    period_end = models.DateTimeField(db_index=True, help_text="Deleted after this.")
    granted = models.BigIntegerField(
        help_text="Tokens granted to all accounts of the mailbox together."
    )
    holder = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        help_text="The existing account that began the period; its balance has the later periods.",
    )

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(name="free_allowance_not_negative", condition=Q(granted__gte=0)),
            models.CheckConstraint(
                name="free_allowance_runs_forward",
                condition=Q(period_end__gt=F("period_start")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.granted} tokens for free"


class Mailbox(models.Model):
    """The mailbox of an existing account. The row is deleted with the account."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="mailbox",
        help_text="The user of the account.",
    )
    digest = models.CharField(
        max_length=64, db_index=True, help_text="Keyed hash of the canonical address."
    )

    class Meta:
        verbose_name_plural = "mailboxes"

    def __str__(self) -> str:
        return f"mailbox of user {self.user_id}"


class MailboxKey(models.Model):
    """The key of the digests, encrypted with SECRET_KEY: one row."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    wrapped = models.TextField(help_text="The key, encrypted.")

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(name="mailbox_key_is_one", condition=Q(id=1))
        ]

    def __str__(self) -> str:
        return "the key of the mailboxes' digests"
