import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("llmproxy", "0003_announce_callers"),
    ]

    operations = [
        migrations.CreateModel(
            name="WeightChange",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("model", models.CharField(max_length=200)),
                ("weight_prompt", models.DecimalField(decimal_places=3, max_digits=8)),
                ("weight_completion", models.DecimalField(decimal_places=3, max_digits=8)),
                ("weight_cache_read", models.DecimalField(decimal_places=3, max_digits=8)),
                ("weight_cache_write", models.DecimalField(decimal_places=3, max_digits=8)),
                ("since", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.AddField(
            model_name="model",
            name="ratio_cache_read",
            field=models.DecimalField(
                decimal_places=6,
                editable=False,
                help_text="A cached token's price beside a prompt token's, as the provider lists them.",
                max_digits=9,
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="model",
            name="ratio_cache_write",
            field=models.DecimalField(
                decimal_places=6,
                editable=False,
                help_text="The price of a cache write beside a prompt token's, as the provider lists them.",
                max_digits=9,
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="model",
            name="weight_cache_read",
            field=models.DecimalField(
                blank=True,
                decimal_places=3,
                help_text="Tokens charged for each that was read from the cache. Empty: by the ratio of the provider's prices, else as prompt tokens.",
                max_digits=8,
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="model",
            name="weight_cache_write",
            field=models.DecimalField(
                blank=True,
                decimal_places=3,
                help_text="Tokens charged for each that was written to the cache. Empty: by the ratio of the provider's prices, else as prompt tokens.",
                max_digits=8,
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="pricechange",
            name="price_cache_write",
            field=models.DecimalField(decimal_places=12, max_digits=18, null=True),
        ),
        migrations.AddField(
            model_name="route",
            name="price_cache_write",
            field=models.DecimalField(
                blank=True,
                decimal_places=12,
                help_text="USD per prompt token written to the provider's cache.",
                max_digits=18,
                null=True,
            ),
        ),
        migrations.AddConstraint(
            model_name="model",
            constraint=models.CheckConstraint(
                condition=models.Q(("weight_cache_read__gte", 0), ("weight_cache_write__gte", 0)),
                name="model_cache_weights_not_negative",
            ),
        ),
        migrations.AddIndex(
            model_name="weightchange",
            index=models.Index(fields=["model", "-since"], name="weight_change_by_model"),
        ),
    ]
