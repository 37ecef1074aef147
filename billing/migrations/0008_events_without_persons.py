from django.db import migrations, models

# What `billing.webhooks` keeps of an event: what it is about, by its ids.
_IDS_ONLY = """
    UPDATE billing_stripeevent SET payload = jsonb_build_object(
        'id', id, 'type', type, 'data', jsonb_build_object('object', jsonb_strip_nulls(
            jsonb_build_object(
                'id', found -> 'id',
                'object', found -> 'object',
                'customer', COALESCE(found #> '{customer,id}', found -> 'customer')
            )
        ) || CASE WHEN found ->> 'object' IN ('invoice', 'checkout.session') THEN
            jsonb_build_object('subscription', COALESCE(
                found #> '{parent,subscription_details,subscription,id}',
                found #> '{parent,subscription_details,subscription}',
                found #> '{subscription,id}',
                found -> 'subscription'
            ))
            ELSE '{}' END
        )
    )
      FROM (SELECT id AS event, payload #> '{data,object}' AS found FROM billing_stripeevent) AS all_of
     WHERE all_of.event = billing_stripeevent.id
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0007_what_an_invoice_was_for")]

    operations = [
        migrations.RunSQL(_IDS_ONLY, migrations.RunSQL.noop),
        migrations.AlterField(
            "stripeevent",
            "payload",
            models.JSONField(help_text="What it is about, by its ids."),
        ),
    ]
