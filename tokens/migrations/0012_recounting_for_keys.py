from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent.parent / "sql" / "0012_recounting_for_keys.sql"

UNDO = """
DROP TRIGGER usage_counts_for_keys_updated ON tokens_usagerecord;
DROP FUNCTION tokens_recount_for_keys();
CREATE TRIGGER usage_counts_for_keys_updated AFTER UPDATE ON tokens_usagerecord
    REFERENCING OLD TABLE AS gone NEW TABLE AS come
    FOR EACH STATEMENT EXECUTE FUNCTION tokens_count_for_keys();
"""


class Migration(migrations.Migration):
    dependencies = [("tokens", "0011_burning_in_sets")]

    operations = [migrations.RunSQL(SQL.read_text(), UNDO)]
