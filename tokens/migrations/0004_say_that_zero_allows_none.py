from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tokens", "0003_allowances"),
    ]

    operations = [
        migrations.AlterField(
            model_name="tier",
            name="concurrent_requests",
            field=models.IntegerField(default=8, help_text="0 allows none."),
        ),
        migrations.AlterField(
            model_name="tier",
            name="requests_per_minute",
            field=models.IntegerField(default=60, help_text="0 allows none."),
        ),
        migrations.AlterField(
            model_name="tier",
            name="tokens_per_minute",
            field=models.BigIntegerField(
                default=100000,
                help_text="What a request may use at most counts, then what it used. 0 allows none.",
            ),
        ),
    ]
