"""Keep the currency and the validity that users agreed to, and one more reason for a stop."""

from django.db import migrations, models

_FROM_PACKS = """
    UPDATE billing_automatictopup SET currency = pack.currency, valid_days = pack.valid_days
      FROM billing_pack AS pack WHERE pack.name = billing_automatictopup.pack_id
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0013_automatic_top_up")]

    operations = [
        migrations.AddField(
            model_name="automatictopup",
            name="currency",
            field=models.CharField(
                db_default="usd",
                help_text="The pack's currency that the user agreed to, in lower case.",
                max_length=3,
            ),
        ),
        migrations.AddField(
            model_name="automatictopup",
            name="valid_days",
            field=models.PositiveSmallIntegerField(
                db_default=365,
                help_text="Days after which the tokens expire, that the user agreed to. 0: never.",
            ),
        ),
        migrations.AlterField(
            model_name="automatictopup",
            name="stopped",
            field=models.CharField(
                blank=True,
                choices=[
                    ("", "not stopped"),
                    ("declined", "the card was declined"),
                    ("authentication", "the bank asked for authentication"),
                    ("no_card", "there is no card"),
                    ("not_sold", "the pack is not sold any more"),
                    ("disputed", "a payment was disputed"),
                    ("refunded", "a payment was refunded"),
                ],
                default="",
                help_text="Why it was turned off by us.",
                max_length=16,
            ),
        ),
        migrations.RunSQL(_FROM_PACKS, migrations.RunSQL.noop),
    ]
