from pathlib import Path

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


FOLDER = Path(__file__).parent.parent / "sql"
SQL = FOLDER / "0007_key_budgets.sql"


def undo() -> str:
    """Drop what is new, and put `tokens_reserve` back as 0003 defined it."""
    before = (FOLDER / "0003_allowances.sql").read_text()
    start = before.index("CREATE OR REPLACE FUNCTION tokens_reserve")
    return DROP + before[start : before.index("END $$;", start)] + "END $$;"


DROP = """
DROP TRIGGER usage_counts_for_key ON tokens_usagerecord;
DROP FUNCTION tokens_count_for_key(), tokens_key_spent(bigint, uuid), tokens_month(timestamptz);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("tokens", "0006_client_reports"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
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
                        help_text="USD: as reported, else by our prices.",
                        max_digits=24,
                    ),
                ),
                ("duration_ms", models.BigIntegerField(help_text="Of all requests together.")),
                (
                    "user",
                    models.ForeignKey(
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
        migrations.RunSQL(SQL.read_text(), undo()),
    ]
