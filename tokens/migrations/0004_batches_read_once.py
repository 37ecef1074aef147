from django.db import migrations

from tokens.functions import define


class Migration(migrations.Migration):
    dependencies = [("tokens", "0003_ids_follow_the_time")]

    operations = [
        migrations.RunSQL(
            "DROP FUNCTION IF EXISTS tokens_lock(bigint[]), tokens_repeats(jsonb)",
            migrations.RunSQL.noop,
        ),
        define("batches", "reserve", "settle"),
    ]
