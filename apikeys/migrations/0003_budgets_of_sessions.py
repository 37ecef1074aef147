from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("apikeys", "0002_limits_and_overlap"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="apikey",
            name="session_budget",
            field=models.BigIntegerField(
                blank=True, help_text="Tokens that one session may use.", null=True
            ),
        ),
        migrations.AddField(
            model_name="apikey",
            name="task_budget",
            field=models.BigIntegerField(
                blank=True, help_text="Tokens that one task may use.", null=True
            ),
        ),
        migrations.AddConstraint(
            model_name="apikey",
            constraint=models.CheckConstraint(
                condition=models.Q(("session_budget__gte", 1), ("task_budget__gte", 1)),
                name="api_key_budgets_positive",
            ),
        ),
    ]
