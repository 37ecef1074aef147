from django.db import migrations

from tokens.migrations._sql import install


class Migration(migrations.Migration):
    dependencies = [("tokens", "0014_plain_help_texts")]

    operations = [install("0015_take_back_of_a_grant")]
