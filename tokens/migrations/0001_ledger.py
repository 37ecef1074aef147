import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.expressions
import django.utils.timezone
import tokens.models
import uuid
from django.conf import settings
from django.db import migrations, models

from tokens.migrations._sql import install


class Migration(migrations.Migration):
    initial = True

    # Databases that were made by those need nothing of this.
    replaces = [
        ("tokens", name)
        for name in (
            "0001_initial",
            "0002_ledger",
            "0003_allowances",
            "0004_say_that_zero_allows_none",
            "0005_reconciliation",
            "0006_client_reports",
            "0007_daily_usage_and_key_budgets",
            "0008_batches_as_sets",
            "0009_daily_totals",
            "0010_pruned_until",
            "0011_burning_in_sets",
            "0012_recounting_for_keys",
            "0013_alone",
        )
    ]

    dependencies = [
        ("accounts", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="DailyTotal",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "dimension",
                        "day",
                        "key",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("day", models.DateField()),
                (
                    "dimension",
                    models.CharField(
                        choices=[
                            ("all", "All"),
                            ("model", "Model"),
                            ("provider", "Provider"),
                            ("plan", "Plan"),
                        ],
                        max_length=8,
                    ),
                ),
                (
                    "key",
                    models.CharField(
                        blank=True, help_text="The model, provider or plan.", max_length=200
                    ),
                ),
                ("users", models.BigIntegerField()),
                ("requests", models.BigIntegerField()),
                ("errors", models.BigIntegerField(help_text="Requests that the providers failed.")),
                ("prompt_tokens", models.BigIntegerField()),
                ("completion_tokens", models.BigIntegerField()),
                ("cached_tokens", models.BigIntegerField()),
                ("reasoning_tokens", models.BigIntegerField()),
                ("charged", models.BigIntegerField()),
                (
                    "cost",
                    models.DecimalField(
                        decimal_places=10,
                        help_text="USD: as reported, else by our prices, else 0.",
                        max_digits=24,
                    ),
                ),
                (
                    "latency",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.IntegerField(),
                        help_text="How many of the answered requests took how long: see tokens/latency.py.",
                        size=None,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="KeySpending",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "api_key",
                        "month",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("api_key", models.UUIDField()),
                ("month", models.DateField()),
                ("charged", models.BigIntegerField()),
            ],
            options={
                "verbose_name_plural": "key spendings",
            },
        ),
        migrations.CreateModel(
            name="Aggregation",
            fields=[
                ("id", models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                (
                    "open_from",
                    models.DateField(help_text="From this day on records may still change."),
                ),
                (
                    "pruned_until",
                    models.DateField(
                        help_text="The records of the days before are pruned: their sums are all there is.",
                        null=True,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("id", 1)), name="aggregation_one_row"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Tier",
            fields=[
                (
                    "name",
                    models.SlugField(
                        help_text="free, pro, enterprise …", primary_key=True, serialize=False
                    ),
                ),
                ("title", models.CharField(max_length=80)),
                (
                    "monthly_tokens",
                    models.BigIntegerField(help_text="Allowance of each period, in tokens."),
                ),
                (
                    "requests_per_minute",
                    models.IntegerField(default=60, help_text="0 allows none."),
                ),
                (
                    "tokens_per_minute",
                    models.BigIntegerField(
                        default=100000,
                        help_text="What a request may use at most counts, then what it used. 0 allows none.",
                    ),
                ),
                ("concurrent_requests", models.IntegerField(default=8, help_text="0 allows none.")),
                ("max_output_tokens", models.IntegerField(default=8192, help_text="Per request.")),
                (
                    "allowed_models",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=200),
                        default=tokens.models.any_model,
                        help_text="Patterns such as openai/* or *:free.",
                        size=None,
                    ),
                ),
                (
                    "api_keys",
                    models.IntegerField(default=5, help_text="How many keys a user may have."),
                ),
                ("features", models.JSONField(blank=True, default=dict)),
                (
                    "carries_over",
                    models.BooleanField(
                        default=False,
                        help_text="Unspent allowance carries into the next period: one allowance at most.",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("monthly_tokens__gte", 0),
                            ("requests_per_minute__gte", 0),
                            ("tokens_per_minute__gte", 0),
                            ("concurrent_requests__gte", 0),
                            ("max_output_tokens__gte", 1),
                            ("api_keys__gte", 0),
                        ),
                        name="tier_limits_not_negative",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="DailyUsage",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("day", models.DateField()),
                ("model", models.CharField(max_length=200)),
                ("provider", models.CharField(blank=True, max_length=64)),
                ("api_key", models.UUIDField(null=True)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("ok", "Ok"),
                            ("cancelled", "client went away"),
                            ("failed", "upstream failed"),
                            ("abandoned", "process died; the hold expired"),
                        ],
                        max_length=16,
                    ),
                ),
                ("requests", models.BigIntegerField()),
                ("prompt_tokens", models.BigIntegerField()),
                ("completion_tokens", models.BigIntegerField()),
                ("cached_tokens", models.BigIntegerField()),
                ("reasoning_tokens", models.BigIntegerField()),
                ("charged", models.BigIntegerField()),
                (
                    "cost",
                    models.DecimalField(
                        decimal_places=10,
                        help_text="USD: as reported, else by our prices. Null: nothing is known.",
                        max_digits=24,
                        null=True,
                    ),
                ),
                ("duration_ms", models.BigIntegerField(help_text="Of all requests together.")),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="daily_usage",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["user", "day"], name="daily_usage_by_user")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("day", "user", "model", "provider", "api_key", "status"),
                        name="daily_usage_once",
                        nulls_distinct=False,
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Entry",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("allowance", "Allowance"),
                            ("bonus", "Bonus"),
                            ("usage", "Usage"),
                            ("adjustment", "Adjustment"),
                            ("expiry", "Expiry"),
                        ],
                        max_length=16,
                    ),
                ),
                (
                    "amount",
                    models.BigIntegerField(
                        help_text="Positive adds to the balance, negative takes."
                    ),
                ),
                (
                    "source",
                    models.CharField(
                        help_text="Invoice, reservation or staff action: with the kind, unique.",
                        max_length=200,
                    ),
                ),
                ("note", models.CharField(blank=True, max_length=200)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="token_entries",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "entries",
                "indexes": [models.Index(fields=["user", "-id"], name="entry_by_user")],
                "constraints": [
                    models.UniqueConstraint(fields=("kind", "source"), name="entry_source_unique"),
                    models.CheckConstraint(
                        condition=models.Q(("amount", 0), _negated=True),
                        name="entry_amount_not_zero",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Grant",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("amount", models.BigIntegerField()),
                ("remaining", models.BigIntegerField()),
                (
                    "source",
                    models.CharField(
                        help_text="Where it came from; grants only once.", max_length=200
                    ),
                ),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="token_grants",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("remaining__gt", 0)),
                        fields=["user", "expires_at"],
                        name="grant_live_by_user",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("source",), name="grant_source_unique"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("remaining__gte", 0), ("remaining__lte", models.F("amount"))
                        ),
                        name="grant_remaining_within_amount",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="IdempotentAnswer",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.CharField(max_length=255)),
                (
                    "fingerprint",
                    models.CharField(help_text="SHA-256 of method, path and body.", max_length=64),
                ),
                ("status", models.SmallIntegerField(default=0)),
                ("body", models.JSONField(null=True)),
                (
                    "created_at",
                    models.DateTimeField(db_index=True, default=django.utils.timezone.now),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="idempotent_answers",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("user", "key"), name="idempotency_key_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="Reservation",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ("amount", models.BigIntegerField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("held", "Held"),
                            ("settled", "Settled"),
                            ("released", "Released"),
                            ("expired", "Expired"),
                        ],
                        default="held",
                        max_length=8,
                    ),
                ),
                ("request_id", models.CharField(blank=True, max_length=128)),
                (
                    "api_key",
                    models.UUIDField(
                        blank=True, help_text="The key that called, if any.", null=True
                    ),
                ),
                (
                    "endpoint",
                    models.CharField(
                        blank=True, help_text="Empty: held by a client.", max_length=32
                    ),
                ),
                ("model", models.CharField(blank=True, max_length=200)),
                (
                    "provider",
                    models.CharField(
                        blank=True,
                        db_default="",
                        help_text="Who answers, once that takes a while.",
                        max_length=64,
                    ),
                ),
                ("upstream_id", models.CharField(blank=True, db_default="", max_length=200)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("expires_at", models.DateTimeField()),
                ("closed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="reservations",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "held")),
                        fields=["expires_at"],
                        name="reservation_held_by_deadline",
                    ),
                    models.Index(
                        condition=models.Q(("state", "held")),
                        fields=["user"],
                        name="reservation_held_by_user",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("amount__gt", 0)), name="reservation_amount_positive"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("closed_at", None), ("state", "held")),
                            models.Q(
                                models.Q(("state", "held"), _negated=True),
                                ("closed_at__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="reservation_closed_unless_held",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Balance",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="balance",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "allocated",
                    models.BigIntegerField(default=0, help_text="Allowance of this period."),
                ),
                (
                    "used",
                    models.BigIntegerField(
                        default=0, help_text="Spent from the allowance in this period."
                    ),
                ),
                (
                    "bonus",
                    models.BigIntegerField(default=0, help_text="What is left of bonus grants."),
                ),
                (
                    "reserved",
                    models.BigIntegerField(default=0, help_text="Held for requests that run now."),
                ),
                (
                    "overdrawn",
                    models.BigIntegerField(
                        default=0,
                        help_text="Charged, but not covered when it was; the next grant pays it first.",
                    ),
                ),
                (
                    "lapsing",
                    models.BigIntegerField(
                        default=0,
                        help_text="Part of allocated: its time is over, but running requests hold it.",
                    ),
                ),
                ("period_start", models.DateTimeField()),
                ("period_end", models.DateTimeField()),
                (
                    "renews_by",
                    models.CharField(
                        choices=[
                            ("schedule", "monthly, on the anniversary"),
                            ("invoice", "when an invoice is paid"),
                        ],
                        default="schedule",
                        max_length=8,
                    ),
                ),
                (
                    "anchor",
                    models.DateTimeField(help_text="The schedule's months are counted from here."),
                ),
                (
                    "due_at",
                    models.DateTimeField(
                        help_text="When a period or a bonus ends next; nobody spends past it.",
                        null=True,
                    ),
                ),
                (
                    "notified",
                    models.SmallIntegerField(
                        default=0,
                        help_text="Percent used that the user was told of in this period.",
                    ),
                ),
                (
                    "tier",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="balances",
                        to="tokens.tier",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["due_at"], name="balance_by_due")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("allocated__gte", 0),
                            ("used__gte", 0),
                            ("bonus__gte", 0),
                            ("reserved__gte", 0),
                            ("overdrawn__gte", 0),
                        ),
                        name="balance_parts_not_negative",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("lapsing__gte", 0),
                            (
                                "lapsing__lte",
                                django.db.models.expressions.CombinedExpression(
                                    models.F("allocated"), "-", models.F("used")
                                ),
                            ),
                        ),
                        name="balance_lapsing_within_unspent",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("renews_by__in", ["schedule", "invoice"])),
                        name="balance_renewer_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("used__lte", models.F("allocated"))),
                        name="balance_used_within_allocated",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "reserved__lte",
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        models.F("allocated"), "+", models.F("bonus")
                                    ),
                                    "-",
                                    models.F("used"),
                                ),
                            )
                        ),
                        name="balance_available_not_negative",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("period_end__gt", models.F("period_start"))),
                        name="balance_period_runs_forward",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Adjustment",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("renewal", "period paid by an invoice"),
                            ("tier", "plan change"),
                            ("take_back", "refund or dispute"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "source",
                    models.CharField(help_text="Invoice, refund or staff action.", max_length=180),
                ),
                (
                    "amount",
                    models.BigIntegerField(
                        default=0, help_text="Tokens given, or taken if negative."
                    ),
                ),
                ("note", models.CharField(blank=True, max_length=200)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="token_adjustments",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "tier",
                    models.ForeignKey(
                        help_text="The new one.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tokens.tier",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("kind", "source"), name="adjustment_source_unique"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="UsageRecord",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        help_text="The reservation's id.", primary_key=True, serialize=False
                    ),
                ),
                ("request_id", models.CharField(max_length=128)),
                ("api_key", models.UUIDField(blank=True, null=True)),
                ("endpoint", models.CharField(max_length=32)),
                ("streamed", models.BooleanField(default=False)),
                ("model", models.CharField(max_length=200)),
                ("provider", models.CharField(blank=True, max_length=64)),
                (
                    "upstream_id",
                    models.CharField(
                        blank=True, help_text="The provider's own id.", max_length=200
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("ok", "Ok"),
                            ("cancelled", "client went away"),
                            ("failed", "upstream failed"),
                            ("abandoned", "process died; the hold expired"),
                        ],
                        max_length=16,
                    ),
                ),
                (
                    "source",
                    models.CharField(
                        choices=[
                            ("reported", "by the upstream"),
                            ("client", "by the client, who called a provider themselves"),
                            ("estimated", "counted here"),
                            ("none", "nothing to charge"),
                        ],
                        max_length=16,
                    ),
                ),
                (
                    "final",
                    models.BooleanField(
                        default=True, help_text="False: the provider's word is awaited."
                    ),
                ),
                ("prompt_tokens", models.BigIntegerField(default=0)),
                ("completion_tokens", models.BigIntegerField(default=0)),
                (
                    "cached_tokens",
                    models.BigIntegerField(default=0, help_text="Part of prompt_tokens."),
                ),
                (
                    "reasoning_tokens",
                    models.BigIntegerField(default=0, help_text="Part of completion_tokens."),
                ),
                (
                    "charged",
                    models.BigIntegerField(default=0, help_text="Tokens taken from the balance."),
                ),
                (
                    "price_prompt",
                    models.DecimalField(
                        blank=True,
                        decimal_places=12,
                        help_text="USD per token, then.",
                        max_digits=18,
                        null=True,
                    ),
                ),
                (
                    "price_completion",
                    models.DecimalField(
                        blank=True,
                        decimal_places=12,
                        help_text="USD per token, then.",
                        max_digits=18,
                        null=True,
                    ),
                ),
                (
                    "price_cached",
                    models.DecimalField(
                        blank=True,
                        decimal_places=12,
                        help_text="USD per prompt token read from the provider's cache.",
                        max_digits=18,
                        null=True,
                    ),
                ),
                (
                    "price_request",
                    models.DecimalField(
                        blank=True,
                        decimal_places=12,
                        help_text="USD per request.",
                        max_digits=18,
                        null=True,
                    ),
                ),
                (
                    "weight_prompt",
                    models.DecimalField(
                        blank=True,
                        decimal_places=3,
                        help_text="Charged per token, then.",
                        max_digits=8,
                        null=True,
                    ),
                ),
                (
                    "weight_completion",
                    models.DecimalField(
                        blank=True,
                        decimal_places=3,
                        help_text="Charged per token, then.",
                        max_digits=8,
                        null=True,
                    ),
                ),
                (
                    "cost",
                    models.DecimalField(
                        blank=True,
                        decimal_places=10,
                        help_text="USD, by our prices.",
                        max_digits=18,
                        null=True,
                    ),
                ),
                (
                    "upstream_cost",
                    models.DecimalField(
                        blank=True,
                        decimal_places=10,
                        help_text="USD, as reported.",
                        max_digits=18,
                        null=True,
                    ),
                ),
                (
                    "attempts",
                    models.JSONField(
                        default=list, help_text="Each try: provider, outcome, status, ms."
                    ),
                ),
                ("available_before", models.BigIntegerField(default=0)),
                (
                    "available_after",
                    models.BigIntegerField(
                        default=0,
                        help_text="As if the final charge had been taken at once: an adjustment writes it anew.",
                    ),
                ),
                (
                    "asked",
                    models.IntegerField(
                        blank=True,
                        help_text="How often the provider was asked for its later word.",
                        null=True,
                    ),
                ),
                (
                    "ask_at",
                    models.DateTimeField(
                        blank=True, help_text="When it is asked again.", null=True
                    ),
                ),
                ("first_byte_ms", models.IntegerField(blank=True, null=True)),
                ("duration_ms", models.IntegerField(default=0)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="usage_records",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["user", "-created_at", "-id"],
                        include=(
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
                        ),
                        name="usage_of_user",
                    ),
                    models.Index(fields=["user", "request_id"], name="usage_by_request"),
                    models.Index(fields=["created_at"], name="usage_by_time"),
                    models.Index(
                        condition=models.Q(("final", False)),
                        fields=["created_at"],
                        name="usage_awaiting_word",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("prompt_tokens__gte", 0),
                            ("completion_tokens__gte", 0),
                            ("cached_tokens__gte", 0),
                            ("reasoning_tokens__gte", 0),
                            ("charged__gte", 0),
                        ),
                        name="usage_tokens_not_negative",
                    )
                ],
            },
        ),
        install("0001_ledger"),
    ]
