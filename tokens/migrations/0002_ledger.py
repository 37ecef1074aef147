from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent.parent / "sql" / "0002_ledger.sql"

UNDO = """
DROP TRIGGER entry_append_only ON tokens_entry;
DROP FUNCTION tokens_refuse_change(), tokens_expire(integer), tokens_renew(uuid[], double precision),
    tokens_write_record(jsonb), tokens_settle(jsonb), tokens_reserve(jsonb),
    tokens_burn(bigint, bigint),
    tokens_grant(bigint, text, bigint, text, text, timestamptz);
"""


class Migration(migrations.Migration):
    dependencies = [("tokens", "0001_initial")]

    operations = [migrations.RunSQL(SQL.read_text(), UNDO)]
