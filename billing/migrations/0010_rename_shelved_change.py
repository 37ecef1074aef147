import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """The table keeps its name, so that the version before can run beside this one."""

    dependencies = [("billing", "0009_no_secrets_of_stripe")]

    operations = [
        migrations.AlterModelTable(name="shelvedchange", table="billing_shelvedchange"),
        migrations.RenameModel(old_name="ShelvedChange", new_name="ScheduledChange"),
        migrations.AlterField(
            model_name="scheduledchange",
            name="leased_until",
            field=models.DateTimeField(help_text="Until then, one process handles it."),
        ),
        migrations.AlterField(
            model_name="scheduledchange",
            name="present",
            field=models.ForeignKey(
                help_text="The price at the time of scheduling.",
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="billing.price",
            ),
        ),
        migrations.AlterField(
            model_name="scheduledchange",
            name="price",
            field=models.ForeignKey(
                help_text="The price to change to.",
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="billing.price",
            ),
        ),
        migrations.AlterField(
            model_name="scheduledchange",
            name="subscription",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.CASCADE,
                primary_key=True,
                related_name="scheduled_change",
                serialize=False,
                to="billing.subscription",
            ),
        ),
        migrations.AlterField(
            model_name="subscription",
            name="claimed_until",
            field=models.DateTimeField(
                blank=True, help_text="When a pending subscription is given up.", null=True
            ),
        ),
    ]
