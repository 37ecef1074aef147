from importlib import import_module
from pathlib import Path

from django.db import migrations

FOLDER = Path(__file__).parent.parent / "sql"
SQL = FOLDER / "0011_burning_in_sets.sql"

DROP = """
DROP TRIGGER usage_counts_for_keys_inserted ON tokens_usagerecord;
DROP TRIGGER usage_counts_for_keys_updated ON tokens_usagerecord;
DROP TRIGGER usage_counts_for_keys_deleted ON tokens_usagerecord;
DROP FUNCTION tokens_count_for_keys();
"""


def undo() -> str:
    """Put the settlement and the trigger back as they were."""
    function = import_module("tokens.migrations.0008_batches_as_sets").function
    budgets = (FOLDER / "0007_key_budgets.sql").read_text()
    begin = budgets.index("CREATE FUNCTION tokens_count_for_key()")
    trigger = budgets[begin : budgets.index("\n\n\n", begin)]
    return DROP + trigger + function("0008_batches_as_sets.sql", "tokens_settle")


class Migration(migrations.Migration):
    dependencies = [("tokens", "0010_pruned_until")]

    operations = [migrations.RunSQL(SQL.read_text(), undo())]
