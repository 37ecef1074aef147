"""No secret of Stripe's in dj-stripe's tables: what is there goes, and none comes in."""

from django.db import migrations

_EMPTY = """
DELETE FROM djstripe_apikey WHERE secret NOT LIKE 'pk\\_%';
UPDATE djstripe_webhookendpoint SET secret = '', stripe_data = stripe_data - 'secret';
UPDATE djstripe_paymentintent SET stripe_data = stripe_data - 'client_secret'
    WHERE stripe_data ? 'client_secret';
UPDATE djstripe_setupintent SET stripe_data = stripe_data - 'client_secret'
    WHERE stripe_data ? 'client_secret';
"""
_FORBID = """
ALTER TABLE djstripe_apikey
    ADD CONSTRAINT billing_keeps_no_secret_key CHECK (secret LIKE 'pk\\_%');
ALTER TABLE djstripe_webhookendpoint
    ADD CONSTRAINT billing_keeps_no_signing_secret CHECK (secret = '');
"""
_ALLOW = """
ALTER TABLE djstripe_apikey DROP CONSTRAINT billing_keeps_no_secret_key;
ALTER TABLE djstripe_webhookendpoint DROP CONSTRAINT billing_keeps_no_signing_secret;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0008_events_without_persons"),
        ("djstripe", "0001_squashed_0003_2_11"),
    ]

    operations = [
        migrations.RunSQL(_EMPTY, migrations.RunSQL.noop),
        migrations.RunSQL(_FORBID, _ALLOW),
    ]
