from pathlib import Path

from django.conf import settings
from django.db import migrations, models
from django.db.models.deletion import PROTECT

FOLDER = Path(__file__).parent.parent / "sql"
SQL = FOLDER / "0008_batches_as_sets.sql"

DROP = """
DROP FUNCTION tokens_each(text, jsonb), tokens_repeats(jsonb),
    tokens_close(bigint, bigint, bigint), tokens_lock(bigint[]);
ALTER TABLE tokens_balance RESET (fillfactor);
"""


def function(file: str, name: str) -> str:
    """Return the statement that defines a function in a file."""
    text = (FOLDER / file).read_text()
    begin = text.index(f"FUNCTION {name}(")
    return f"CREATE OR REPLACE {text[begin : text.index('END $$;', begin)]}END $$;\n"


def undo() -> str:
    """Drop what is new, and put the functions back as they were."""
    before = [
        function("0007_key_budgets.sql", "tokens_reserve"),
        function("0003_allowances.sql", "tokens_settle"),
        function("0002_ledger.sql", "tokens_write_record"),
    ]
    return DROP + "".join(before)


# Indexes: one that answers the usage endpoints by itself, and none that another one begins with.
COVERING = models.Index(
    name="usage_of_user",
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
)


def user(related_name: str) -> models.ForeignKey:
    return models.ForeignKey(
        settings.AUTH_USER_MODEL, PROTECT, related_name=related_name, db_index=False
    )


class Migration(migrations.Migration):
    dependencies = [("tokens", "0007_daily_usage_and_key_budgets")]

    operations = [
        migrations.RunSQL(SQL.read_text(), undo()),
        migrations.AddIndex("usagerecord", COVERING),
        migrations.RemoveIndex("usagerecord", "usage_by_user"),
        migrations.AlterField("usagerecord", "user", user("usage_records")),
        migrations.AlterField("entry", "user", user("token_entries")),
    ]
