from django.db import migrations, models

from tokens.migrations._sql import install


class Migration(migrations.Migration):
    """Requests name their session and task, and these have budgets."""

    dependencies = [
        ("tokens", "0010_usage_of_user_by_kind"),
    ]

    operations = [
        migrations.CreateModel(
            name="SessionSpending",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "account",
                        "kind",
                        "name",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("account", models.BigIntegerField(help_text="The user's id.")),
                (
                    "kind",
                    models.CharField(
                        choices=[("session", "Session"), ("task", "Task")], max_length=8
                    ),
                ),
                ("name", models.CharField(max_length=200)),
                ("charged", models.BigIntegerField()),
            ],
            options={
                "verbose_name_plural": "session spendings",
            },
        ),
        migrations.AddField(
            model_name="balance",
            name="session_budget",
            field=models.BigIntegerField(
                blank=True, help_text="Tokens that one session may use. Empty: no cap.", null=True
            ),
        ),
        migrations.AddField(
            model_name="balance",
            name="task_budget",
            field=models.BigIntegerField(
                blank=True, help_text="Tokens that one task may use. Empty: no cap.", null=True
            ),
        ),
        migrations.AddField(
            model_name="reservation",
            name="session",
            field=models.CharField(blank=True, db_default="", max_length=200),
        ),
        migrations.AddField(
            model_name="reservation",
            name="task",
            field=models.CharField(blank=True, db_default="", max_length=200),
        ),
        migrations.AddField(
            model_name="usagerecord",
            name="session",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="As the client names it.",
                max_length=200,
            ),
        ),
        migrations.AddField(
            model_name="usagerecord",
            name="task",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="As the client names it.",
                max_length=200,
            ),
        ),
        migrations.AddConstraint(
            model_name="balance",
            constraint=models.CheckConstraint(
                condition=models.Q(("session_budget__gte", 1), ("task_budget__gte", 1)),
                name="balance_budgets_positive",
            ),
        ),
        install("0011_sessions_and_tasks"),
    ]
