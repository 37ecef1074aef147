from django.db import migrations

# A settlement that waits for its balance's lock since before the table was replaced still needs
# them; a statement of the ledger takes 5 seconds at most. What has begun since uses the new ones.
_WAIT = """
DO $$
BEGIN
    WHILE clock_timestamp() < now() + interval '10 seconds' AND EXISTS (
        SELECT FROM pg_stat_activity
         WHERE datname = current_database() AND state = 'active' AND query_start < now()
           AND pid <> pg_backend_pid() AND query LIKE '%tokens\\_%(%'
    ) LOOP
        PERFORM pg_sleep(0.05), pg_stat_clear_snapshot();
    END LOOP;
END $$
"""


class Migration(migrations.Migration):
    """No call uses them any more: see the migration before."""

    dependencies = [("tokens", "0017_receipts_in_partitions")]

    operations = [
        migrations.RunSQL(_WAIT, migrations.RunSQL.noop),
        migrations.RunSQL(
            "DROP FUNCTION IF EXISTS"
            " tokens_receipt(jsonb, tokens_reservation, bigint, bigint),"
            " tokens_weighed(tokens_usagerecord_default)",
            migrations.RunSQL.noop,
        ),
    ]
