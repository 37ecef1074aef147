"""No secret of a sign-in provider is in the database: what is there goes, and none comes in."""

from django.db import migrations

_EMPTY = """
UPDATE socialaccount_socialapp SET secret = '', key = '' WHERE secret <> '' OR key <> '';
DELETE FROM socialaccount_socialtoken;
"""
_FORBID = """
ALTER TABLE socialaccount_socialapp
    ADD CONSTRAINT accounts_keeps_no_secret_of_a_provider CHECK (secret = '' AND key = '');
ALTER TABLE socialaccount_socialtoken
    ADD CONSTRAINT accounts_keeps_no_token_of_a_provider CHECK (token = '' AND token_secret = '');
"""
_ALLOW = """
ALTER TABLE socialaccount_socialapp DROP CONSTRAINT accounts_keeps_no_secret_of_a_provider;
ALTER TABLE socialaccount_socialtoken DROP CONSTRAINT accounts_keeps_no_token_of_a_provider;
"""


class Migration(migrations.Migration):
    """The secrets of apps are in the environment, and tokens of users are not used."""

    dependencies = [
        ("accounts", "0007_digests_of_browser_sessions"),
        ("socialaccount", "0006_alter_socialaccount_extra_data"),
    ]

    operations = [
        migrations.RunSQL(_EMPTY, migrations.RunSQL.noop),
        migrations.RunSQL(_FORBID, _ALLOW),
    ]
