"""What users may spend and what they spent. Only ``tokens.ledger`` writes the money tables.

Every amount is a whole number of LLM tokens. A balance is a locked cache of the append-only
entries: ``allocated + bonus - used - overdrawn`` equals their sum, and ``reserved`` equals the
sum of the held reservations; ``manage.py verify_ledger`` proves both.
"""

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone


def any_model() -> list[str]:
    """Allow every model: the default of ``Tier.allowed_models``."""
    return ["*"]


class Tier(models.Model):
    """What a plan allows: the entitlement that the proxy reads, and billing sells."""

    name = models.SlugField(primary_key=True, help_text="free, pro, enterprise …")
    title = models.CharField(max_length=80)
    monthly_tokens = models.BigIntegerField(help_text="Allowance of each period, in tokens.")
    requests_per_minute = models.IntegerField(default=60, help_text="0 allows none.")
    tokens_per_minute = models.BigIntegerField(
        default=100_000,
        help_text="What a request may use at most counts, then what it used. 0 allows none.",
    )
    concurrent_requests = models.IntegerField(default=8, help_text="0 allows none.")
    max_output_tokens = models.IntegerField(default=8192, help_text="Per request.")
    allowed_models = ArrayField(
        models.CharField(max_length=200),
        default=any_model,
        help_text="Patterns such as openai/* or *:free.",
    )
    api_keys = models.IntegerField(default=5, help_text="How many keys a user may have.")
    features = models.JSONField(default=dict, blank=True)
    carries_over = models.BooleanField(
        default=False,
        help_text="Unspent allowance carries into the next period: one allowance at most.",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="tier_limits_not_negative",
                condition=Q(monthly_tokens__gte=0)
                & Q(requests_per_minute__gte=0)
                & Q(tokens_per_minute__gte=0)
                & Q(concurrent_requests__gte=0)
                & Q(max_output_tokens__gte=1)
                & Q(api_keys__gte=0),
            )
        ]

    def __str__(self) -> str:
        return self.title


class Balance(models.Model):
    """One row a user: what is left to spend now."""

    class Renewer(models.TextChoices):
        SCHEDULE = "schedule", "monthly, on the anniversary"
        INVOICE = "invoice", "when an invoice is paid"

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, primary_key=True, related_name="balance"
    )
    tier = models.ForeignKey(Tier, on_delete=models.PROTECT, related_name="balances")
    allocated = models.BigIntegerField(default=0, help_text="Allowance of this period.")
    used = models.BigIntegerField(default=0, help_text="Spent from the allowance in this period.")
    bonus = models.BigIntegerField(default=0, help_text="What is left of bonus grants.")
    reserved = models.BigIntegerField(default=0, help_text="Held for requests that run now.")
    overdrawn = models.BigIntegerField(
        default=0,
        help_text="Charged, but not covered when it was; the next grant pays it first.",
    )
    lapsing = models.BigIntegerField(
        default=0,
        help_text="Part of allocated: its time is over, but running requests hold it.",
    )
    period_start = models.DateTimeField()
    period_end = models.DateTimeField()
    renews_by = models.CharField(max_length=8, choices=Renewer.choices, default=Renewer.SCHEDULE)
    anchor = models.DateTimeField(help_text="The schedule's months are counted from here.")
    due_at = models.DateTimeField(
        null=True, help_text="When a period or a bonus ends next; nobody spends past it."
    )
    notified = models.SmallIntegerField(
        default=0, help_text="Percent used that the user was told of in this period."
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
        ]
        indexes = [models.Index(name="balance_by_due", fields=["due_at"])]

    def __str__(self) -> str:
        return f"{self.available} of {self.allocated + self.bonus} tokens"

    @property
    def available(self) -> int:
        """Tokens that a new reservation can hold."""
        return self.allocated + self.bonus - self.used - self.reserved


class Grant(models.Model):
    """Bonus tokens; the soonest to expire burns first."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="token_grants"
    )
    amount = models.BigIntegerField()
    remaining = models.BigIntegerField()
    source = models.CharField(max_length=200, help_text="Where it came from; grants only once.")
    expires_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

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
    """One line of the books. Never changed, never deleted: a trigger sees to it."""

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
    )
    kind = models.CharField(max_length=16, choices=Kind.choices)
    amount = models.BigIntegerField(help_text="Positive adds to the balance, negative takes.")
    source = models.CharField(
        max_length=200, help_text="Invoice, reservation or staff action: with the kind, unique."
    )
    note = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

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
    """Something done to a balance once by its source, also when no token moved."""

    class Kind(models.TextChoices):
        RENEWAL = "renewal", "period paid by an invoice"
        TIER = "tier", "plan change"
        TAKE_BACK = "take_back", "refund or dispute"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="token_adjustments"
    )
    kind = models.CharField(max_length=10, choices=Kind.choices)
    source = models.CharField(max_length=180, help_text="Invoice, refund or staff action.")
    tier = models.ForeignKey(
        Tier, on_delete=models.PROTECT, null=True, related_name="+", help_text="The new one."
    )
    amount = models.BigIntegerField(default=0, help_text="Tokens given, or taken if negative.")
    note = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="adjustment_source_unique", fields=["kind", "source"])
        ]

    def __str__(self) -> str:
        return f"{self.amount:+d} {self.kind}"


class Reservation(models.Model):
    """Tokens held for one request until it settles, is released, or its deadline passes."""

    class State(models.TextChoices):
        HELD = "held"
        SETTLED = "settled"
        RELEASED = "released"
        EXPIRED = "expired"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="reservations"
    )
    amount = models.BigIntegerField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.HELD)
    request_id = models.CharField(max_length=128, blank=True)
    api_key = models.UUIDField(null=True, blank=True, help_text="The key that called, if any.")
    endpoint = models.CharField(max_length=32, blank=True, help_text="Empty: held by a client.")
    model = models.CharField(max_length=200, blank=True)
    provider = models.CharField(
        max_length=64, blank=True, db_default="", help_text="Who answers, once that takes a while."
    )
    upstream_id = models.CharField(max_length=200, blank=True, db_default="")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)

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
        ]

    def __str__(self) -> str:
        return f"{self.amount} tokens {self.state}"


class UsageRecord(models.Model):
    """The receipt of one request: tokens by kind, price, every attempt. Never the content."""

    class Status(models.TextChoices):
        OK = "ok"
        CANCELLED = "cancelled", "client went away"
        FAILED = "failed", "upstream failed"
        ABANDONED = "abandoned", "process died; the hold expired"

    class Source(models.TextChoices):
        REPORTED = "reported", "by the upstream"
        CLIENT = "client", "by the client, who called a provider himself"
        ESTIMATED = "estimated", "counted here"
        NONE = "none", "nothing to charge"

    id = models.UUIDField(primary_key=True, help_text="The reservation's id.")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="usage_records",
        db_index=False,  # usage_of_user begins with it
    )
    request_id = models.CharField(max_length=128)
    api_key = models.UUIDField(null=True, blank=True)
    endpoint = models.CharField(max_length=32)
    streamed = models.BooleanField(default=False)
    model = models.CharField(max_length=200)
    provider = models.CharField(max_length=64, blank=True)
    upstream_id = models.CharField(max_length=200, blank=True, help_text="The provider's own id.")
    status = models.CharField(max_length=16, choices=Status.choices)
    source = models.CharField(max_length=16, choices=Source.choices)
    final = models.BooleanField(default=True, help_text="False: the provider's word is awaited.")
    prompt_tokens = models.BigIntegerField(default=0)
    completion_tokens = models.BigIntegerField(default=0)
    cached_tokens = models.BigIntegerField(default=0, help_text="Part of prompt_tokens.")
    reasoning_tokens = models.BigIntegerField(default=0, help_text="Part of completion_tokens.")
    charged = models.BigIntegerField(default=0, help_text="Tokens taken from the balance.")
    price_prompt = models.DecimalField(
        max_digits=18, decimal_places=12, null=True, blank=True, help_text="USD per token, then."
    )
    price_completion = models.DecimalField(
        max_digits=18, decimal_places=12, null=True, blank=True, help_text="USD per token, then."
    )
    price_cached = models.DecimalField(
        max_digits=18,
        decimal_places=12,
        null=True,
        blank=True,
        help_text="USD per prompt token read from the provider's cache.",
    )
    price_request = models.DecimalField(
        max_digits=18, decimal_places=12, null=True, blank=True, help_text="USD per request."
    )
    weight_prompt = models.DecimalField(
        max_digits=8, decimal_places=3, null=True, blank=True, help_text="Charged per token, then."
    )
    weight_completion = models.DecimalField(
        max_digits=8, decimal_places=3, null=True, blank=True, help_text="Charged per token, then."
    )
    cost = models.DecimalField(
        max_digits=18, decimal_places=10, null=True, blank=True, help_text="USD, by our prices."
    )
    upstream_cost = models.DecimalField(
        max_digits=18, decimal_places=10, null=True, blank=True, help_text="USD, as reported."
    )
    attempts = models.JSONField(default=list, help_text="Each try: provider, outcome, status, ms.")
    available_before = models.BigIntegerField(default=0)
    available_after = models.BigIntegerField(
        default=0,
        help_text="As if the final charge had been taken at once: an adjustment writes it anew.",
    )
    asked = models.IntegerField(
        null=True, blank=True, help_text="How often the provider was asked for its later word."
    )
    ask_at = models.DateTimeField(null=True, blank=True, help_text="When it is asked again.")
    first_byte_ms = models.IntegerField(null=True, blank=True)
    duration_ms = models.IntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="usage_tokens_not_negative",
                condition=Q(prompt_tokens__gte=0)
                & Q(completion_tokens__gte=0)
                & Q(cached_tokens__gte=0)
                & Q(reasoning_tokens__gte=0)
                & Q(charged__gte=0),
            )
        ]
        indexes = [
            models.Index(  # It holds all that filters and sums read: no visit to the records.
                name="usage_of_user",
                fields=["user", "-created_at", "-id"],
                include=[
                    "model",
                    "provider",
                    "api_key",
                    "status",
                    "prompt_tokens",
                    "completion_tokens",
                    "cached_tokens",
                    "reasoning_tokens",
                    "charged",
                    "upstream_cost",
                    "cost",
                ],
            ),
            models.Index(name="usage_by_request", fields=["user", "request_id"]),
            models.Index(name="usage_by_time", fields=["created_at"]),
            models.Index(
                name="usage_awaiting_word", fields=["created_at"], condition=Q(final=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.charged} tokens, {self.model}"


class IdempotentAnswer(models.Model):
    """What was answered to a request with an `Idempotency-Key`, for when it comes again."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="idempotent_answers"
    )
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of method, path and body.")
    status = models.SmallIntegerField(default=0)
    body = models.JSONField(null=True)
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(name="idempotency_key_once", fields=["user", "key"])]

    def __str__(self) -> str:
        return self.key


class KeySpending(models.Model):
    """What a key that has a budget has spent in a calendar month (UTC). Kept by the database."""

    pk = models.CompositePrimaryKey("api_key", "month")
    api_key = models.UUIDField()
    month = models.DateField()
    charged = models.BigIntegerField()

    class Meta:
        verbose_name_plural = "key spendings"

    def __str__(self) -> str:
        return f"{self.charged} tokens in {self.month:%Y-%m}"


class DailyUsage(models.Model):
    """Sums of a user's records of one day (UTC), for statistics: kept when records are pruned."""

    day = models.DateField()
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="daily_usage",
        db_index=False,  # daily_usage_by_user begins with it
    )
    model = models.CharField(max_length=200)
    provider = models.CharField(max_length=64, blank=True)
    api_key = models.UUIDField(null=True)
    status = models.CharField(max_length=16, choices=UsageRecord.Status.choices)
    requests = models.BigIntegerField()
    prompt_tokens = models.BigIntegerField()
    completion_tokens = models.BigIntegerField()
    cached_tokens = models.BigIntegerField()
    reasoning_tokens = models.BigIntegerField()
    charged = models.BigIntegerField()
    cost = models.DecimalField(
        max_digits=24,
        decimal_places=10,
        null=True,
        help_text="USD: as reported, else by our prices. Null: nothing is known.",
    )
    duration_ms = models.BigIntegerField(help_text="Of all requests together.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="daily_usage_once",
                fields=["day", "user", "model", "provider", "api_key", "status"],
                nulls_distinct=False,
            )
        ]
        indexes = [models.Index(name="daily_usage_by_user", fields=["user", "day"])]

    def __str__(self) -> str:
        return f"{self.charged} tokens on {self.day}"


class DailyTotal(models.Model):
    """Sums of all users of one day (UTC): in all, by model, by provider, or by plan."""

    class Dimension(models.TextChoices):
        ALL = "all"
        MODEL = "model"
        PROVIDER = "provider"
        PLAN = "plan"

    pk = models.CompositePrimaryKey("dimension", "day", "key")
    day = models.DateField()
    dimension = models.CharField(max_length=8, choices=Dimension.choices)
    key = models.CharField(max_length=200, blank=True, help_text="The model, provider or plan.")
    users = models.BigIntegerField()
    requests = models.BigIntegerField()
    errors = models.BigIntegerField(help_text="Requests that the providers failed.")
    prompt_tokens = models.BigIntegerField()
    completion_tokens = models.BigIntegerField()
    cached_tokens = models.BigIntegerField()
    reasoning_tokens = models.BigIntegerField()
    charged = models.BigIntegerField()
    cost = models.DecimalField(
        max_digits=24, decimal_places=10, help_text="USD: as reported, else by our prices, else 0."
    )
    latency = ArrayField(
        models.IntegerField(),
        help_text="How many of the answered requests took how long: see tokens/latency.py.",
    )

    def __str__(self) -> str:
        return f"{self.charged} tokens on {self.day}"


class Aggregation(models.Model):
    """How far `DailyUsage` and `DailyTotal` are settled: one row."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    open_from = models.DateField(help_text="From this day on records may still change.")
    pruned_until = models.DateField(
        null=True,
        help_text="The records of the days before are pruned: their sums are all there is.",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(name="aggregation_one_row", condition=Q(id=1)),
        ]

    def __str__(self) -> str:
        return f"open from {self.open_from}"
