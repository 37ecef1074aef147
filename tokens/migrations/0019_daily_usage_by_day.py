from django.contrib.postgres.indexes import BrinIndex
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations


class Migration(migrations.Migration):
    """Sums of all users over some days read only those days' rows."""

    atomic = False
    dependencies = [("tokens", "0018_functions_of_the_former_receipts")]

    operations = [
        AddIndexConcurrently(
            "dailyusage",
            BrinIndex(
                name="daily_usage_by_day", fields=["day"], pages_per_range=32, autosummarize=True
            ),
        )
    ]
