from django.contrib.postgres.operations import (
    AddConstraintNotValid,
    AddIndexConcurrently,
    RemoveIndexConcurrently,
    ValidateConstraint,
)
from django.db import migrations, models


class Migration(migrations.Migration):
    """The index that sums read holds cache writes, too. It is built beside the old one, while
    requests go on.
    """

    atomic = False
    dependencies = [("tokens", "0009_weights_by_kind")]

    operations = [
        AddConstraintNotValid(
            "usagerecord",
            models.CheckConstraint(
                condition=models.Q(("cache_write_tokens__gte", 0), ("surplus_tokens__gte", 0)),
                name="usage_kinds_not_negative",
            ),
        ),
        ValidateConstraint("usagerecord", "usage_kinds_not_negative"),
        AddIndexConcurrently(
            "usagerecord",
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
                    "cache_write_tokens",
                    "reasoning_tokens",
                    "charged",
                    "upstream_cost",
                    "cost",
                ),
                name="usage_of_user_by_kind",
            ),
        ),
        RemoveIndexConcurrently("usagerecord", "usage_of_user"),
    ]
