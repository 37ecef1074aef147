from django.contrib.postgres.indexes import BrinIndex
from django.db import migrations


class Migration(migrations.Migration):
    """Sums of all users over some days read only those days' rows."""

    atomic = False
    dependencies = [("tokens", "0018_functions_of_the_former_receipts")]

    operations = [
        migrations.SeparateDatabaseAndState(
            # An interrupted run leaves an index that is not valid.
            database_operations=[
                migrations.RunSQL(
                    "DROP INDEX CONCURRENTLY IF EXISTS daily_usage_by_day", migrations.RunSQL.noop
                ),
                migrations.RunSQL(
                    "CREATE INDEX CONCURRENTLY daily_usage_by_day ON tokens_dailyusage"
                    " USING brin (day) WITH (autosummarize = on, pages_per_range = 32)",
                    "DROP INDEX CONCURRENTLY daily_usage_by_day",
                ),
            ],
            state_operations=[
                migrations.AddIndex(
                    "dailyusage",
                    BrinIndex(
                        name="daily_usage_by_day",
                        fields=["day"],
                        pages_per_range=32,
                        autosummarize=True,
                    ),
                )
            ],
        )
    ]
