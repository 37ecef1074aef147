from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql" / "0003_announce_callers" / "callers.sql"


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_user_epoch"),
        ("apikeys", "0002_limits_and_overlap"),
        ("llmproxy", "0002_catalog_history"),
        ("tokens", "0001_ledger"),
    ]

    operations = [
        migrations.RunSQL(SQL.read_text(), "DROP FUNCTION llmproxy_announce_caller() CASCADE")
    ]
