from django.db import migrations, models


class Migration(migrations.Migration):
    """The label of the admin's form; no SQL."""

    dependencies = [("tokens", "0020_monthly_usage")]

    operations = [
        migrations.AlterField(
            "tier",
            "api_keys",
            models.IntegerField(
                "API keys", default=5, help_text="Maximum number of keys of a user."
            ),
        )
    ]
