import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from tokens.migrations._sql import install


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0005_session_origin"),
        ("tokens", "0007_one_burn_order"),
    ]

    operations = [
        migrations.CreateModel(
            name="Mailbox",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="mailbox",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("digest", models.CharField(db_index=True, max_length=64)),
            ],
            options={
                "verbose_name_plural": "mailboxes",
            },
        ),
        migrations.CreateModel(
            name="FreeAllowance",
            fields=[
                (
                    "digest",
                    models.CharField(
                        help_text="Keyed hash of the canonical address.",
                        max_length=64,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("period_start", models.DateTimeField()),
                (
                    "period_end",
                    models.DateTimeField(db_index=True, help_text="Forgotten after this."),
                ),
                (
                    "granted",
                    models.BigIntegerField(
                        help_text="Tokens, to all accounts of the mailbox together."
                    ),
                ),
                (
                    "holder",
                    models.ForeignKey(
                        help_text=(
                            "The living account that began the period: its own months are its balance's."
                        ),
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("granted__gte", 0)), name="free_allowance_not_negative"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("period_end__gt", models.F("period_start"))),
                        name="free_allowance_runs_forward",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="MailboxKey",
            fields=[
                ("id", models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("wrapped", models.TextField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="mailbox_key_is_one")
                ],
            },
        ),
        install("0008_free_allowance_for_each_mailbox"),
    ]
