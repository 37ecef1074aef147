from pathlib import Path

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models
from django.db.models import F, Q

FOLDER = Path(__file__).parent.parent / "sql"
SQL = FOLDER / "0003_allowances.sql"

# The months are counted from the day on which the user came.
FILL = """
UPDATE tokens_balance b SET anchor = u.date_joined, due_at = LEAST(
    b.period_end,
    (SELECT min(expires_at) FROM tokens_grant g WHERE g.user_id = b.user_id AND g.remaining > 0)
) FROM accounts_user u WHERE u.id = b.user_id;
"""


def undo() -> str:
    """Drop what is new, and put the functions back as 0002 defined them."""
    before = (FOLDER / "0002_ledger.sql").read_text().partition("-- The books are append-only")[0]
    return DROP + before.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")


DROP = """
DROP FUNCTION tokens_take_back(bigint, bigint, text, text),
    tokens_change_tier(bigint, text, text, text, text),
    tokens_renew_period(bigint, text, timestamptz, timestamptz, text, text),
    tokens_end_adjustment(text, text, bigint),
    tokens_begin_adjustment(bigint, text, text, text, text),
    tokens_roll_due(integer), tokens_roll(bigint), tokens_renew_by_schedule(bigint),
    tokens_start_period(bigint, text, timestamptz, timestamptz, text, text),
    tokens_expire_bonus(bigint), tokens_set_due(bigint), tokens_lapse(bigint),
    tokens_enter_expiry(bigint, bigint, text), tokens_period(timestamptz, timestamptz),
    tokens_now();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("tokens", "0002_ledger"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            "tier",
            "carries_over",
            models.BooleanField(
                default=False,
                help_text="Unspent allowance carries into the next period: one allowance at most.",
            ),
        ),
        migrations.AddField(
            "balance",
            "lapsing",
            models.BigIntegerField(
                default=0,
                help_text="Part of allocated: its time is over, but running requests hold it.",
            ),
        ),
        migrations.AddField(
            "balance",
            "renews_by",
            models.CharField(
                choices=[
                    ("schedule", "monthly, on the anniversary"),
                    ("invoice", "when an invoice is paid"),
                ],
                default="schedule",
                max_length=8,
            ),
        ),
        migrations.AddField(
            "balance",
            "anchor",
            models.DateTimeField(
                default=django.utils.timezone.now,
                help_text="The schedule's months are counted from here.",
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            "balance",
            "due_at",
            models.DateTimeField(
                help_text="When a period or a bonus ends next; nobody spends past it.", null=True
            ),
        ),
        migrations.AddField(
            "balance",
            "notified",
            models.SmallIntegerField(
                default=0, help_text="Percent used that the user was told of in this period."
            ),
        ),
        migrations.CreateModel(
            name="Adjustment",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("renewal", "period paid by an invoice"),
                            ("tier", "plan change"),
                            ("take_back", "refund or dispute"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "source",
                    models.CharField(help_text="Invoice, refund or staff action.", max_length=180),
                ),
                (
                    "amount",
                    models.BigIntegerField(
                        default=0, help_text="Tokens given, or taken if negative."
                    ),
                ),
                ("note", models.CharField(blank=True, max_length=200)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "tier",
                    models.ForeignKey(
                        help_text="The new one.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tokens.tier",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="token_adjustments",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            "adjustment",
            models.UniqueConstraint(fields=("kind", "source"), name="adjustment_source_unique"),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.AddIndex("balance", models.Index(fields=["due_at"], name="balance_by_due")),
        migrations.AddConstraint(
            "balance",
            models.CheckConstraint(
                condition=Q(lapsing__gte=0) & Q(lapsing__lte=F("allocated") - F("used")),
                name="balance_lapsing_within_unspent",
            ),
        ),
        migrations.AddConstraint(
            "balance",
            models.CheckConstraint(
                condition=Q(renews_by__in=["schedule", "invoice"]), name="balance_renewer_known"
            ),
        ),
        migrations.RunSQL(SQL.read_text(), undo()),
    ]
