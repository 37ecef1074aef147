import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """Staff's pages read sums that are minutes old, by user from months. The next run makes them."""

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("tokens", "0019_daily_usage_by_day"),
    ]

    operations = [
        migrations.AddField(
            "aggregation",
            "summed_at",
            models.DateTimeField(
                null=True,
                help_text="The sums have all records that had been written then. Null: unknown.",
            ),
        ),
        migrations.AddField(
            "aggregation",
            "months_until",
            models.DateField(
                null=True,
                help_text="`MonthlyUsage` has the days before this one. Null: it has none yet.",
            ),
        ),
        migrations.CreateModel(
            name="MonthlyUsage",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "month",
                        "user_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("month", models.DateField(help_text="The first day of the month (UTC).")),
                (
                    "days",
                    models.IntegerField(
                        help_text="The days with a request: bit 0 is the first of the month."
                    ),
                ),
                ("requests", models.BigIntegerField(help_text="Number of requests.")),
                ("charged", models.BigIntegerField(help_text="Sum of the records' column.")),
                (
                    "cost",
                    models.DecimalField(
                        decimal_places=10,
                        max_digits=24,
                        help_text="USD: as reported, else computed from the prices, else 0.",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="monthly_usage",
                        to=settings.AUTH_USER_MODEL,
                        help_text="The user.",
                    ),
                ),
            ],
        ),
    ]
