from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tokens", "0012_usage_of_sessions")]

    operations = [
        migrations.AddField(
            "balance",
            "alerted_at",
            models.DateTimeField(
                blank=True, help_text="When the user was last told of runaway usage.", null=True
            ),
        ),
    ]
