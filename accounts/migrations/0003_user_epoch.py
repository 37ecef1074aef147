from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_redeemed_grant"),
    ]

    operations = [
        migrations.AddField(
            model_name="user",
            name="epoch",
            field=models.PositiveIntegerField(
                default=0,
                editable=False,
                help_text="How often everything was signed out: what was granted before is void.",
            ),
        ),
    ]
