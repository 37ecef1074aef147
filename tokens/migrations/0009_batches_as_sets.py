from pathlib import Path

from django.db import migrations

FOLDER = Path(__file__).parent.parent / "sql"
SQL = FOLDER / "0009_batches_as_sets.sql"

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


class Migration(migrations.Migration):
    dependencies = [("tokens", "0007_daily_usage_and_key_budgets")]

    operations = [migrations.RunSQL(SQL.read_text(), undo())]
