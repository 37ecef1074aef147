from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """For `tokens.retention`, which looks for old ones every night."""

    atomic = False  # No request waits for the index.
    dependencies = [("tokens", "0001_ledger")]

    operations = [
        AddIndexConcurrently(
            "reservation",
            models.Index(
                fields=["closed_at"],
                name="reservation_not_settled",
                condition=models.Q(state__in=["released", "expired"]),
            ),
        ),
    ]
