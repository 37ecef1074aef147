from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Receipts are found by session and task. The indexes are built while requests go on."""

    atomic = False
    dependencies = [("tokens", "0011_sessions_and_tasks")]

    operations = [
        AddIndexConcurrently(
            "usagerecord",
            models.Index(
                condition=models.Q(("session", ""), _negated=True),
                fields=["user", "session", "-created_at", "-id"],
                name="usage_of_session",
            ),
        ),
        AddIndexConcurrently(
            "usagerecord",
            models.Index(
                condition=models.Q(("task", ""), _negated=True),
                fields=["user", "task", "-created_at", "-id"],
                name="usage_of_task",
            ),
        ),
    ]
