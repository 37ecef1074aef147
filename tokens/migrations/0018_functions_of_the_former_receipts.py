from django.db import migrations


class Migration(migrations.Migration):
    """No call uses them any more: see the migration before."""

    dependencies = [("tokens", "0017_receipts_in_partitions")]

    operations = [
        migrations.RunSQL(
            "DROP FUNCTION IF EXISTS"
            " tokens_receipt(jsonb, tokens_reservation, bigint, bigint),"
            " tokens_weighed(tokens_usagerecord_default)",
            migrations.RunSQL.noop,
        )
    ]
