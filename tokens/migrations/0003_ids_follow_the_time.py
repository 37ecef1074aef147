from django.db import migrations, models
from uuid_utils.compat import uuid7


class Migration(migrations.Migration):
    """Changes nothing in the database: ids that were given stay as they are."""

    dependencies = [("tokens", "0002_holds_without_receipt")]

    operations = [
        migrations.AlterField(
            "reservation",
            "id",
            models.UUIDField(default=uuid7, primary_key=True, serialize=False),
        ),
    ]
