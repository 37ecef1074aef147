from django.db import migrations


class Migration(migrations.Migration):
    """Replace the cookies' values in the sessions of browsers by their digests.

    As accounts/sessions/browser_store.py makes them. Browsers stay signed in, but processes of an
    older version, while they still run, do not find these sessions.
    """

    dependencies = [
        ("accounts", "0006_user_deleted_at"),
        ("sessions", "0001_initial"),
    ]

    operations = [
        migrations.RunSQL(
            """
            UPDATE django_session
               SET session_key = left(encode(sha256(convert_to(session_key, 'UTF8')), 'hex'), 40)
             WHERE length(session_key) < 40
            """,
            # The values cannot be told from the digests: browsers sign in again.
            "DELETE FROM django_session",
            elidable=True,
        ),
    ]
