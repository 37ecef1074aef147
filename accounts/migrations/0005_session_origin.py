from django.db import migrations, models
from django.db.models import Q

# What editors were called before their clients could be renamed: accounts/editors.py.
_EDITORS = ("Visual Studio Code", "Visual Studio Code Insiders", "VSCodium", "Cursor", "Windsurf")


def derive(apps, _schema_editor):
    """Say how the sessions that there are began, as far as it can be told.

    A session of an editor is named after its client; one of the password API after what the caller
    said or its User-Agent. So a session with a client's name is an app's, also where a password
    sign-in only used the same name. One with a second factor came by the password API for sure.
    """
    session = apps.get_model("accounts", "Session")
    client = apps.get_model("allauth_idp_oidc", "Client")
    names = {*_EDITORS, *client.objects.values_list("name", flat=True)}
    with_factor = Q(second_factor=True)
    session.objects.filter(~with_factor, name__in=names).update(origin="oauth")
    session.objects.filter(with_factor | ~Q(name__in=names)).update(origin="password")


class Migration(migrations.Migration):
    """Rows that an older version writes meanwhile stay `unknown`, which is not trusted."""

    dependencies = [
        ("accounts", "0004_session_second_factor"),
        ("allauth_idp_oidc", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="session",
            name="origin",
            field=models.CharField(
                choices=[
                    ("password", "the password API"),
                    ("oauth", "an app, by OAuth"),
                    ("device", "a device, by its code"),
                    ("unknown", "not recorded"),
                ],
                db_default="unknown",
                default="unknown",
                help_text="How it began. See accounts/origins.py for what follows from it.",
                max_length=8,
            ),
        ),
        migrations.RunPython(derive, migrations.RunPython.noop, elidable=True),
        migrations.AddConstraint(
            model_name="session",
            constraint=models.CheckConstraint(
                condition=Q(("origin__in", ["password", "oauth", "device", "unknown"])),
                name="session_origin_known",
            ),
        ),
    ]
