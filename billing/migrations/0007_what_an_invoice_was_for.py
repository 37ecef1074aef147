import django.db.models.deletion
from django.db import migrations, models

# What older invoices were for is not known here any more; `sync_stripe` learns it of the latest.
_BY_THEIR_SUBSCRIPTION = """
    UPDATE billing_invoice SET plan_id = billing_subscription.plan_id
      FROM billing_subscription WHERE billing_subscription.id = billing_invoice.subscription_id
"""


def _plan(**kwargs: bool) -> models.ForeignKey:
    return models.ForeignKey(
        to="billing.plan",
        on_delete=django.db.models.deletion.PROTECT,
        related_name="+",
        db_index=False,
        help_text="What it was for; the subscription may have another one by now.",
        **kwargs,
    )


class Migration(migrations.Migration):
    dependencies = [("billing", "0006_invoices_of_one_second")]

    operations = [
        migrations.AddField("invoice", "plan", _plan(null=True)),
        migrations.RunSQL(_BY_THEIR_SUBSCRIPTION, migrations.RunSQL.noop),
        migrations.AlterField("invoice", "plan", _plan()),
    ]
