from django.db import migrations

from tokens.migrations._sql import install


class Migration(migrations.Migration):
    dependencies = [("tokens", "0003_ids_follow_the_time")]

    operations = [
        migrations.RunSQL(
            "DROP FUNCTION IF EXISTS tokens_lock(bigint[]), tokens_repeats(jsonb)",
            migrations.RunSQL.noop,
        ),
        install("0004_batches_read_once"),
    ]
