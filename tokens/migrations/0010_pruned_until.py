from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tokens", "0009_daily_totals")]

    operations = [
        migrations.AddField(
            model_name="aggregation",
            name="pruned_until",
            field=models.DateField(
                help_text="The records of the days before are pruned: their sums are all there is.",
                null=True,
            ),
        ),
    ]
