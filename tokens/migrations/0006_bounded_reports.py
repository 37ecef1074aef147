from django.db import migrations

from tokens.migrations._sql import install


class Migration(migrations.Migration):
    """What clients report is charged within their hold, their balance and their key's budget."""

    dependencies = [("tokens", "0005_users_by_their_balances")]

    operations = [
        migrations.RunSQL("DROP FUNCTION tokens_key_spent(bigint, uuid)", migrations.RunSQL.noop),
        install("0006_bounded_reports"),
    ]
