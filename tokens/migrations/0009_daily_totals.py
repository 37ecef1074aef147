from typing import Any

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


def sum_all_days_anew(apps: Any, schema_editor: Any) -> None:
    """Make the next `aggregate_usage` begin with the first record; until then records are read."""
    apps.get_model("tokens", "Aggregation").objects.all().delete()


def tell_no_cost_as_zero(apps: Any, schema_editor: Any) -> None:
    apps.get_model("tokens", "DailyUsage").objects.filter(cost=None).update(cost=0)


class Migration(migrations.Migration):
    dependencies = [("tokens", "0008_batches_as_sets")]

    operations = [
        migrations.RunPython(migrations.RunPython.noop, tell_no_cost_as_zero),
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
        migrations.AlterField(
            model_name="dailyusage",
            name="cost",
            field=models.DecimalField(
                decimal_places=10,
                help_text="USD: as reported, else by our prices. Null: nothing is known.",
                max_digits=24,
                null=True,
            ),
        ),
        migrations.AlterField(
            model_name="dailyusage",
            name="user",
            field=models.ForeignKey(
                settings.AUTH_USER_MODEL,
                django.db.models.deletion.PROTECT,
                related_name="daily_usage",
                db_index=False,
            ),
        ),
        migrations.AddIndex(
            model_name="usagerecord",
            index=models.Index(fields=["created_at"], name="usage_by_time"),
        ),
        migrations.RunPython(sum_all_days_anew, sum_all_days_anew),
    ]
