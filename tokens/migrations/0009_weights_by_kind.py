import django.contrib.postgres.fields
from django.db import migrations, models

from tokens.migrations._sql import install


class Migration(migrations.Migration):
    """Each kind of token has a weight. Receipts of before have none for cached tokens: they were
    charged as all of the prompt, and still count so.
    """

    dependencies = [
        ("tokens", "0008_free_allowance_for_each_mailbox"),
    ]

    operations = [
        migrations.AddField(
            model_name="dailytotal",
            name="cache_write_tokens",
            field=models.BigIntegerField(db_default=0),
        ),
        migrations.AddField(
            model_name="dailyusage",
            name="cache_write_tokens",
            field=models.BigIntegerField(db_default=0),
        ),
        migrations.AddField(
            model_name="usagerecord",
            name="cache_write_tokens",
            field=models.BigIntegerField(
                db_default=0, default=0, help_text="Part of prompt_tokens, beside cached_tokens."
            ),
        ),
        migrations.AddField(
            model_name="usagerecord",
            name="price_cache_write",
            field=models.DecimalField(
                blank=True,
                decimal_places=12,
                help_text="USD per prompt token written to the provider's cache.",
                max_digits=18,
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="usagerecord",
            name="surplus_tokens",
            field=models.BigIntegerField(
                db_default=0,
                default=0,
                help_text="Part of completion_tokens: what a reported total has above its parts.",
            ),
        ),
        migrations.AddField(
            model_name="usagerecord",
            name="weight_cache_read",
            field=models.DecimalField(
                blank=True,
                decimal_places=3,
                help_text="Charged per cached token, then. Null: as prompt tokens.",
                max_digits=8,
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="usagerecord",
            name="weight_cache_write",
            field=models.DecimalField(
                blank=True,
                decimal_places=3,
                help_text="Charged per token written to the cache, then. Null: as prompt tokens.",
                max_digits=8,
                null=True,
            ),
        ),
        migrations.AlterField(
            model_name="dailytotal",
            name="latency",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.IntegerField(),
                help_text="How many of the answered requests took how long: see tokens/usage/latency.py.",
                size=None,
            ),
        ),
        install("0009_weights_by_kind"),
    ]
