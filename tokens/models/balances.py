"""Balances, reservations and ledger entries.

Only ``tokens.ledger`` and ``tokens.ledger.allowances`` write here. A balance is a locked cache of
the append-only entries: ``allocated + bonus - used - overdrawn`` equals their sum, and ``reserved``
equals the sum of the held reservations; ``manage.py verify_ledger`` checks both.

The rows that each request writes (`Reservation`, `Entry`, `UsageRecord`) have no foreign key to the
user in the database, because its check would take a tenth of the request's time. They are written
under the lock of the user's balance, which has one.
"""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from uuid_utils.compat import uuid7

from tokens.models.tiers import Tier


class Balance(models.Model):
    """The balance of a user."""

    class Renewer(models.TextChoices):
        SCHEDULE = "schedule", "monthly, on the anniversary"
        INVOICE = "invoice", "when an invoice is paid"

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        primary_key=True,
        related_name="balance",
        help_text="The owner.",
    )
    tier = models.ForeignKey(
        Tier,
        on_delete=models.PROTECT,
        related_name="balances",
        help_text="The entitlement of the user's plan.",
    )
    allocated = models.BigIntegerField(default=0, help_text="Allowance of this period.")
    used = models.BigIntegerField(default=0, help_text="Used from the allowance in this period.")
    bonus = models.BigIntegerField(default=0, help_text="Unused bonus tokens.")
    reserved = models.BigIntegerField(default=0, help_text="Reserved for running requests.")
    overdrawn = models.BigIntegerField(
        default=0,
        help_text="Charged beyond the balance; the next grant pays it first.",
    )
    lapsing = models.BigIntegerField(
        default=0,
        help_text="Part of allocated: of an ended period, but reserved by running requests.",
    )
    period_start = models.DateTimeField(help_text="The start of the current period.")
    period_end = models.DateTimeField(help_text="The end of the current period.")
    renews_by = models.CharField(
        max_length=8,
        choices=Renewer.choices,
        default=Renewer.SCHEDULE,
        help_text="What starts the next period: the calendar, or a paid invoice.",
    )
    anchor = models.DateTimeField(
        help_text="The start of the first period; monthly periods are counted from it."
    )
    due_at = models.DateTimeField(
        null=True,
        help_text="When the period or a bonus ends next. After it, the balance is first renewed.",
    )
    session_budget = models.BigIntegerField(
        null=True, blank=True, help_text="Maximum tokens of one session. Empty: no limit."
    )
    task_budget = models.BigIntegerField(
        null=True, blank=True, help_text="Maximum tokens of one task. Empty: no limit."
    )
    notified = models.SmallIntegerField(
        default=0, help_text="The highest usage warning, in percent, sent in this period."
    )

    alerted_at = models.DateTimeField(
        null=True, blank=True, help_text="When the last warning about unusual usage was sent."
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="balance_parts_not_negative",
                condition=Q(allocated__gte=0)
                & Q(used__gte=0)
                & Q(bonus__gte=0)
                & Q(reserved__gte=0)
                & Q(overdrawn__gte=0),
            ),
            models.CheckConstraint(
                name="balance_lapsing_within_unspent",
                condition=Q(lapsing__gte=0) & Q(lapsing__lte=F("allocated") - F("used")),
            ),
            models.CheckConstraint(
                name="balance_renewer_known", condition=Q(renews_by__in=["schedule", "invoice"])
            ),
            models.CheckConstraint(
                name="balance_used_within_allocated", condition=Q(used__lte=F("allocated"))
            ),
            models.CheckConstraint(
                name="balance_available_not_negative",
                condition=Q(reserved__lte=F("allocated") + F("bonus") - F("used")),
            ),
            models.CheckConstraint(
                name="balance_period_runs_forward", condition=Q(period_end__gt=F("period_start"))
            ),
            models.CheckConstraint(
                name="balance_budgets_positive",
                condition=Q(session_budget__gte=1) & Q(task_budget__gte=1),
            ),
        ]
        indexes = [models.Index(name="balance_by_due", fields=["due_at"])]

    def __str__(self) -> str:
        return f"{self.available} of {self.allocated + self.bonus} tokens"

    @property
    def available(self) -> int:
        """Tokens that a new reservation can hold."""
        return self.allocated + self.bonus - self.used - self.reserved


class Grant(models.Model):
    """Bonus tokens. Those that expire soonest are used first."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="token_grants",
        help_text="The owner.",
    )
    amount = models.BigIntegerField(help_text="Tokens granted.")
    remaining = models.BigIntegerField(help_text="Tokens not used yet.")
    source = models.CharField(
        max_length=200, help_text="The id of what it was granted for; each source grants once."
    )
    expires_at = models.DateTimeField(
        null=True, blank=True, help_text="When the unused tokens expire. Null: never."
    )
    created_at = models.DateTimeField(default=timezone.now, help_text="When it was granted.")

    class Meta:
        constraints = [
            models.UniqueConstraint(name="grant_source_unique", fields=["source"]),
            models.CheckConstraint(
                name="grant_remaining_within_amount",
                condition=Q(remaining__gte=0) & Q(remaining__lte=F("amount")),
            ),
        ]
        indexes = [
            models.Index(
                name="grant_live_by_user",
                fields=["user", "expires_at"],
                condition=Q(remaining__gt=0),
            )
        ]

    def __str__(self) -> str:
        return f"{self.remaining} of {self.amount} bonus tokens"


class Entry(models.Model):
    """An entry of the ledger. A trigger refuses changes and deletion."""

    class Kind(models.TextChoices):
        ALLOWANCE = "allowance"
        BONUS = "bonus"
        USAGE = "usage"
        ADJUSTMENT = "adjustment"
        EXPIRY = "expiry"

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="token_entries",
        db_index=False,  # entry_by_user begins with it
        db_constraint=False,
        help_text="The owner of the balance.",
    )
    kind = models.CharField(
        max_length=16, choices=Kind.choices, help_text="Why the balance changed."
    )
    amount = models.BigIntegerField(
        help_text="Positive: added to the balance; negative: taken from it."
    )
    source = models.CharField(
        max_length=200,
        help_text="The id of the invoice, reservation or staff action; unique with the kind.",
    )
    note = models.CharField(max_length=200, blank=True, help_text="A note of the staff.")
    created_at = models.DateTimeField(default=timezone.now, help_text="When it was made.")

    class Meta:
        verbose_name_plural = "entries"
        constraints = [
            models.UniqueConstraint(name="entry_source_unique", fields=["kind", "source"]),
            models.CheckConstraint(name="entry_amount_not_zero", condition=~Q(amount=0)),
        ]
        indexes = [models.Index(name="entry_by_user", fields=["user", "-id"])]

    def __str__(self) -> str:
        return f"{self.amount:+d} {self.kind}"


class Adjustment(models.Model):
    """A change of a balance, made once for its source, even if it changed no tokens."""

    class Kind(models.TextChoices):
        RENEWAL = "renewal", "period paid by an invoice"
        TIER = "tier", "plan change"
        TAKE_BACK = "take_back", "refund or dispute"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="token_adjustments",
        help_text="The owner of the balance.",
    )
    kind = models.CharField(max_length=10, choices=Kind.choices, help_text="What was changed.")
    source = models.CharField(
        max_length=180, help_text="The id of the invoice, refund or staff action."
    )
    tier = models.ForeignKey(
        Tier, on_delete=models.PROTECT, null=True, related_name="+", help_text="The new plan."
    )
    amount = models.BigIntegerField(default=0, help_text="Tokens added, or taken if negative.")
    note = models.CharField(max_length=200, blank=True, help_text="A note of the staff.")
    created_at = models.DateTimeField(default=timezone.now, help_text="When it was made.")

    class Meta:
        constraints = [
            models.UniqueConstraint(name="adjustment_source_unique", fields=["kind", "source"])
        ]

    def __str__(self) -> str:
        return f"{self.amount:+d} {self.kind}"


class Reservation(models.Model):
    """Tokens reserved for one request until it is settled, released or expires."""

    class State(models.TextChoices):
        HELD = "held"
        SETTLED = "settled"
        RELEASED = "released"
        EXPIRED = "expired"

    id = models.UUIDField(primary_key=True, default=uuid7)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="reservations",
        db_index=False,  # reservation_held_by_user knows those that are asked for
        db_constraint=False,
        help_text="Whose tokens are reserved.",
    )
    amount = models.BigIntegerField(help_text="Tokens reserved.")
    state = models.CharField(
        max_length=8,
        choices=State.choices,
        default=State.HELD,
        help_text="Whether it is open, and how it was closed.",
    )
    request_id = models.CharField(max_length=128, blank=True, help_text="The id of the request.")
    api_key = models.UUIDField(
        null=True, blank=True, help_text="The API key of the request, if any."
    )
    endpoint = models.CharField(
        max_length=32, blank=True, help_text="Empty: reserved by a client through the API."
    )
    model = models.CharField(max_length=200, blank=True, help_text="The requested model.")
    provider = models.CharField(
        max_length=64,
        blank=True,
        db_default="",
        help_text="The provider that answers, recorded after some seconds.",
    )
    upstream_id = models.CharField(
        max_length=200, blank=True, db_default="", help_text="The provider's id for the request."
    )
    session = models.CharField(
        max_length=200, blank=True, db_default="", help_text="The session that the client named."
    )
    task = models.CharField(
        max_length=200, blank=True, db_default="", help_text="The task that the client named."
    )
    created_at = models.DateTimeField(default=timezone.now, help_text="When it was made.")
    expires_at = models.DateTimeField(help_text="When it expires, unless it is extended.")
    closed_at = models.DateTimeField(null=True, blank=True, help_text="When it was closed.")

    class Meta:
        constraints = [
            models.CheckConstraint(name="reservation_amount_positive", condition=Q(amount__gt=0)),
            models.CheckConstraint(
                name="reservation_closed_unless_held",
                condition=Q(state="held", closed_at=None)
                | (~Q(state="held") & Q(closed_at__isnull=False)),
            ),
        ]
        indexes = [
            models.Index(
                name="reservation_held_by_deadline",
                fields=["expires_at"],
                condition=Q(state="held"),
            ),
            models.Index(
                name="reservation_held_by_user", fields=["user"], condition=Q(state="held")
            ),
            models.Index(
                name="reservation_not_settled",
                fields=["closed_at"],
                condition=Q(state__in=["released", "expired"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} tokens {self.state}"


class KeySpending(models.Model):
    """The usage of a key with a budget in a calendar month (UTC), maintained by the database."""

    pk = models.CompositePrimaryKey("api_key", "month")
    api_key = models.UUIDField(help_text="The key.")
    month = models.DateField(help_text="The first day of the month.")
    charged = models.BigIntegerField(help_text="Tokens charged or reserved in the month.")

    class Meta:
        verbose_name_plural = "key spendings"

    def __str__(self) -> str:
        return f"{self.charged} tokens in {self.month:%Y-%m}"


class SessionSpending(models.Model):
    """The usage of a session or task with a budget, maintained by the database."""

    class Kind(models.TextChoices):
        SESSION = "session"
        TASK = "task"

    pk = models.CompositePrimaryKey("account", "kind", "name")
    account = models.BigIntegerField(help_text="The user's id.")
    kind = models.CharField(max_length=8, choices=Kind.choices, help_text="Session or task.")
    name = models.CharField(max_length=200, help_text="The name that the client sent.")
    charged = models.BigIntegerField(help_text="Tokens charged or reserved.")

    class Meta:
        verbose_name_plural = "session spendings"

    def __str__(self) -> str:
        return f"{self.charged} tokens in {self.kind} {self.name}"
