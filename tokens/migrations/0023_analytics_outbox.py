from django.db import migrations

from tokens.migrations._partitions import RunSQLPatiently
from tokens.migrations._sql import install

_IS_DONE = "SELECT EXISTS (SELECT FROM pg_trigger WHERE tgname = 'receipts_noted_inserted')"


class Migration(migrations.Migration):
    """Triggers note changes of receipts for the analytical database. They are disabled."""

    atomic = False  # requests wait for one transaction only, which takes milliseconds
    dependencies = [("tokens", "0022_analytics_feed")]

    operations = [
        RunSQLPatiently(str(install("0023_analytics_outbox").sql), is_done=_IS_DONE),
    ]
