from django.db import migrations

from tokens.migrations._sql import install


class Migration(migrations.Migration):
    """One function knows what burns first; a batch is settled in steps."""

    dependencies = [("tokens", "0006_bounded_reports")]

    operations = [install("0007_one_burn_order")]
