"""Usage: the receipt of each request, and sums by day."""

from decimal import Decimal
from typing import NamedTuple

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q
from django.utils import timezone


class WeighedTokens(NamedTuple):
    """Tokens of one kind, and the charge for each; None if it was not recorded."""

    tokens: int
    weight: Decimal | None


class UsageRecord(models.Model):
    """The receipt of one request: tokens by kind, prices and attempts, but not the content.

    The table is partitioned by month, by the id.
    """

    class Status(models.TextChoices):
        OK = "ok"
        CANCELLED = "cancelled", "client went away"
        FAILED = "failed", "upstream failed"
        ABANDONED = "abandoned", "process died; the hold expired"

    class Source(models.TextChoices):
        REPORTED = "reported", "by the upstream"
        CLIENT = "client", "by the client, who called a provider themselves"
        ESTIMATED = "estimated", "counted here"
        NONE = "none", "nothing to charge"

    id = models.UUIDField(primary_key=True, help_text="The reservation's id.")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="usage_records",
        db_index=False,  # usage_of_user_by_kind begins with it
        db_constraint=False,  # tokens/models/balances.py says why
        help_text="The caller.",
    )
    request_id = models.CharField(max_length=128, help_text="The id of the request, X-Request-ID.")
    api_key = models.UUIDField(
        null=True, blank=True, help_text="The id of the API key, if one was used."
    )
    endpoint = models.CharField(
        max_length=32, help_text="The path of the endpoint, such as chat/completions."
    )
    streamed = models.BooleanField(default=False, help_text="Whether the response was a stream.")
    model = models.CharField(max_length=200, help_text="The requested model.")
    provider = models.CharField(max_length=64, blank=True, help_text="The provider that answered.")
    upstream_id = models.CharField(
        max_length=200, blank=True, help_text="The provider's id for the request."
    )
    status = models.CharField(
        max_length=16, choices=Status.choices, help_text="How the request ended."
    )
    source = models.CharField(
        max_length=16,
        choices=Source.choices,
        help_text="Whether the provider reported the usage, or it was estimated.",
    )
    final = models.BooleanField(
        default=True,
        help_text="False: the charge is provisional until the provider reports the final usage.",
    )
    prompt_tokens = models.BigIntegerField(
        default=0, help_text="Tokens of the prompt, with cached ones."
    )
    completion_tokens = models.BigIntegerField(
        default=0, help_text="Tokens of the output, with reasoning."
    )
    cached_tokens = models.BigIntegerField(default=0, help_text="Part of prompt_tokens.")
    reasoning_tokens = models.BigIntegerField(default=0, help_text="Part of completion_tokens.")
    cache_write_tokens = models.BigIntegerField(
        default=0, db_default=0, help_text="Part of prompt_tokens, beside cached_tokens."
    )
    surplus_tokens = models.BigIntegerField(
        default=0,
        db_default=0,
        help_text="Part of completion_tokens: the excess of the reported total over its parts.",
    )
    charged = models.BigIntegerField(default=0, help_text="Tokens taken from the balance.")
    price_prompt = models.DecimalField(
        max_digits=18,
        decimal_places=12,
        null=True,
        blank=True,
        help_text="USD per token at the time of the request.",
    )
    price_completion = models.DecimalField(
        max_digits=18,
        decimal_places=12,
        null=True,
        blank=True,
        help_text="USD per token at the time of the request.",
    )
    price_cached = models.DecimalField(
        max_digits=18,
        decimal_places=12,
        null=True,
        blank=True,
        help_text="USD per prompt token read from the provider's cache.",
    )
    price_cache_write = models.DecimalField(
        max_digits=18,
        decimal_places=12,
        null=True,
        blank=True,
        help_text="USD per prompt token written to the provider's cache.",
    )
    price_request = models.DecimalField(
        max_digits=18, decimal_places=12, null=True, blank=True, help_text="USD per request."
    )
    weight_prompt = models.DecimalField(
        max_digits=8,
        decimal_places=3,
        null=True,
        blank=True,
        help_text="Tokens charged per token at the time of the request.",
    )
    weight_completion = models.DecimalField(
        max_digits=8,
        decimal_places=3,
        null=True,
        blank=True,
        help_text="Tokens charged per token at the time of the request.",
    )
    weight_cache_read = models.DecimalField(
        max_digits=8,
        decimal_places=3,
        null=True,
        blank=True,
        help_text="Tokens charged per token read from the cache. Null: as prompt tokens.",
    )
    weight_cache_write = models.DecimalField(
        max_digits=8,
        decimal_places=3,
        null=True,
        blank=True,
        help_text="Tokens charged per token written to the cache. Null: as prompt tokens.",
    )
    cost = models.DecimalField(
        max_digits=18,
        decimal_places=10,
        null=True,
        blank=True,
        help_text="USD, computed from the prices.",
    )
    upstream_cost = models.DecimalField(
        max_digits=18,
        decimal_places=10,
        null=True,
        blank=True,
        help_text="USD, as reported by the provider.",
    )
    attempts = models.JSONField(
        default=list, help_text="Each attempt: provider, outcome, status, ms."
    )
    available_before = models.BigIntegerField(
        default=0, help_text="Available balance before the request."
    )
    available_after = models.BigIntegerField(
        default=0,
        help_text="Available balance after the request, as if its final charge was made at once.",
    )
    asked = models.IntegerField(
        null=True, blank=True, help_text="How often the provider was asked for the final usage."
    )
    ask_at = models.DateTimeField(
        null=True, blank=True, help_text="When the provider is asked next."
    )
    session = models.CharField(
        max_length=200,
        blank=True,
        default="",
        db_default="",
        help_text="The name that the client sent.",
    )
    task = models.CharField(
        max_length=200,
        blank=True,
        default="",
        db_default="",
        help_text="The name that the client sent.",
    )
    first_byte_ms = models.IntegerField(
        null=True, blank=True, help_text="Milliseconds until the first content."
    )
    duration_ms = models.IntegerField(default=0, help_text="Milliseconds until the end.")
    created_at = models.DateTimeField(default=timezone.now, help_text="When the request began.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="usage_tokens_not_negative",
                condition=Q(prompt_tokens__gte=0)
                & Q(completion_tokens__gte=0)
                & Q(cached_tokens__gte=0)
                & Q(reasoning_tokens__gte=0)
                & Q(charged__gte=0),
            ),
            models.CheckConstraint(
                name="usage_kinds_not_negative",
                condition=Q(cache_write_tokens__gte=0) & Q(surplus_tokens__gte=0),
            ),
        ]
        indexes = [
            models.Index(  # It has all columns of filters and sums, so records are not read.
                name="usage_of_user_by_kind",
                fields=["user", "-created_at", "-id"],
                include=[
                    "model",
                    "provider",
                    "api_key",
                    "status",
                    "prompt_tokens",
                    "completion_tokens",
                    "cached_tokens",
                    "cache_write_tokens",
                    "reasoning_tokens",
                    "charged",
                    "upstream_cost",
                    "cost",
                ],
            ),
            models.Index(name="usage_by_request", fields=["user", "request_id"]),
            models.Index(name="usage_by_time", fields=["created_at"]),
            models.Index(
                name="usage_of_session",
                fields=["user", "session", "-created_at", "-id"],
                condition=~Q(session=""),
            ),
            models.Index(
                name="usage_of_task",
                fields=["user", "task", "-created_at", "-id"],
                condition=~Q(task=""),
            ),
            models.Index(
                name="usage_awaiting_word", fields=["created_at"], condition=Q(final=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.charged} tokens, {self.model}"

    @property
    def kinds(self) -> dict[str, WeighedTokens]:
        """Return the tokens of each kind with its weight. Each token is of exactly one kind."""
        as_prompt = self.prompt_tokens - self.cached_tokens - self.cache_write_tokens
        weight, written = self.weight_prompt, self.completion_tokens - self.surplus_tokens
        of_reads = weight if self.weight_cache_read is None else self.weight_cache_read
        of_writes = weight if self.weight_cache_write is None else self.weight_cache_write
        return {
            "prompt": WeighedTokens(as_prompt, weight),
            "cache_read": WeighedTokens(self.cached_tokens, of_reads),
            "cache_write": WeighedTokens(self.cache_write_tokens, of_writes),
            "completion": WeighedTokens(written, self.weight_completion),
            "surplus": WeighedTokens(self.surplus_tokens, self.weight_completion),
        }


class DailyUsage(models.Model):
    """Sums of a user's records of one day (UTC). They are kept when records are pruned."""

    day = models.DateField(help_text="The day (UTC).")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="daily_usage",
        db_index=False,  # daily_usage_by_user begins with it
        help_text="The user.",
    )
    model = models.CharField(max_length=200, help_text="The requested model.")
    provider = models.CharField(max_length=64, blank=True, help_text="The provider that answered.")
    api_key = models.UUIDField(null=True, help_text="The id of the API key, if one was used.")
    status = models.CharField(
        max_length=16, choices=UsageRecord.Status.choices, help_text="How the requests ended."
    )
    requests = models.BigIntegerField(help_text="Number of requests.")
    prompt_tokens = models.BigIntegerField(help_text="Sum of the records' column.")
    completion_tokens = models.BigIntegerField(help_text="Sum of the records' column.")
    cached_tokens = models.BigIntegerField(help_text="Sum of the records' column.")
    cache_write_tokens = models.BigIntegerField(
        db_default=0, help_text="Sum of the records' column."
    )
    reasoning_tokens = models.BigIntegerField(help_text="Sum of the records' column.")
    charged = models.BigIntegerField(help_text="Sum of the records' column.")
    cost = models.DecimalField(
        max_digits=24,
        decimal_places=10,
        null=True,
        help_text="USD: as reported, else computed from the prices. Null: unknown.",
    )
    duration_ms = models.BigIntegerField(help_text="Sum of all requests, in milliseconds.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="daily_usage_once",
                fields=["day", "user", "model", "provider", "api_key", "status"],
                nulls_distinct=False,
            )
        ]
        indexes = [
            models.Index(name="daily_usage_by_user", fields=["user", "day"]),
            # Days are written one after the other, so their rows are neighbors.
            BrinIndex(
                name="daily_usage_by_day", fields=["day"], pages_per_range=32, autosummarize=True
            ),
        ]

    def __str__(self) -> str:
        return f"{self.charged} tokens on {self.day}"


class DailyTotal(models.Model):
    """Sums of all users of one day (UTC): in total, by model, by provider, or by plan."""

    class Dimension(models.TextChoices):
        ALL = "all"
        MODEL = "model"
        PROVIDER = "provider"
        PLAN = "plan"

    pk = models.CompositePrimaryKey("dimension", "day", "key")
    day = models.DateField(help_text="The day (UTC).")
    dimension = models.CharField(
        max_length=8,
        choices=Dimension.choices,
        help_text="What is summed: all, model, provider or plan.",
    )
    key = models.CharField(max_length=200, blank=True, help_text="The model, provider or plan.")
    users = models.BigIntegerField(help_text="Users with a request on the day.")
    requests = models.BigIntegerField(help_text="Number of requests.")
    errors = models.BigIntegerField(help_text="Requests that the providers failed.")
    prompt_tokens = models.BigIntegerField(help_text="Sum of the records' column.")
    completion_tokens = models.BigIntegerField(help_text="Sum of the records' column.")
    cached_tokens = models.BigIntegerField(help_text="Sum of the records' column.")
    cache_write_tokens = models.BigIntegerField(
        db_default=0, help_text="Sum of the records' column."
    )
    reasoning_tokens = models.BigIntegerField(help_text="Sum of the records' column.")
    charged = models.BigIntegerField(help_text="Sum of the records' column.")
    cost = models.DecimalField(
        max_digits=24,
        decimal_places=10,
        help_text="USD: as reported, else computed from the prices, else 0.",
    )
    latency = ArrayField(
        models.IntegerField(),
        help_text="Answered requests by duration, in the buckets of tokens/usage/latency.py.",
    )

    def __str__(self) -> str:
        return f"{self.charged} tokens on {self.day}"


class MonthlyUsage(models.Model):
    """Sums of a user's closed days of one month (UTC), for staff's reports on users."""

    pk = models.CompositePrimaryKey("month", "user_id")
    month = models.DateField(help_text="The first day of the month (UTC).")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="monthly_usage",
        db_index=False,
        help_text="The user.",
    )
    days = models.IntegerField(
        help_text="The days with a request: bit 0 is the first of the month."
    )
    requests = models.BigIntegerField(help_text="Number of requests.")
    charged = models.BigIntegerField(help_text="Sum of the records' column.")
    cost = models.DecimalField(
        max_digits=24,
        decimal_places=10,
        help_text="USD: as reported, else computed from the prices, else 0.",
    )

    def __str__(self) -> str:
        return f"{self.charged} tokens in {self.month:%Y-%m}"


class RefusedDay(models.Model):
    """How many of a user's requests were refused on a day (UTC), with status 402 or 429."""

    pk = models.CompositePrimaryKey("day", "user_id", "code")
    day = models.DateField(help_text="The day (UTC).")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="refused_days",
        db_index=False,
        help_text="The user.",
    )
    code = models.CharField(max_length=64, help_text="The code of the error, such as rate_limited.")
    requests = models.BigIntegerField(help_text="Number of requests.")

    class Meta:
        indexes = [models.Index(name="refused_by_user", fields=["user", "day"])]
        constraints = [
            models.CheckConstraint(name="refused_at_least_once", condition=Q(requests__gte=1))
        ]

    def __str__(self) -> str:
        return f"{self.requests} x {self.code} on {self.day}"


class Aggregation(models.Model):
    """Up to when `DailyUsage` and `DailyTotal` are final, and up to date: one row."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    open_from = models.DateField(help_text="The first day whose records may still change.")
    summed_at = models.DateTimeField(
        null=True,
        help_text="The sums have all records that had been written then. Null: unknown.",
    )
    months_until = models.DateField(
        null=True, help_text="`MonthlyUsage` has the days before this one. Null: it has none yet."
    )
    pruned_until = models.DateField(
        null=True,
        help_text="Records of earlier days were deleted; only their sums remain.",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(name="aggregation_one_row", condition=Q(id=1)),
        ]

    def __str__(self) -> str:
        return f"open from {self.open_from}"
