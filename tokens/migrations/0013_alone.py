from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent.parent / "sql" / "0013_alone.sql"

UNDO = """
DROP FUNCTION tokens_reserve(jsonb);
DROP FUNCTION tokens_settle(jsonb);
ALTER FUNCTION tokens_reserve_together(jsonb) RENAME TO tokens_reserve;
ALTER FUNCTION tokens_settle_together(jsonb) RENAME TO tokens_settle;
DROP FUNCTION tokens_reserve_alone(jsonb);
DROP FUNCTION tokens_settle_alone(jsonb);
"""


class Migration(migrations.Migration):
    dependencies = [("tokens", "0012_recounting_for_keys")]

    operations = [migrations.RunSQL(SQL.read_text(), UNDO)]
