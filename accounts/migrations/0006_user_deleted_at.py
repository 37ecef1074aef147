from django.db import migrations, models
from django.utils import timezone


def mark_deleted(apps, _schema_editor):
    """Mark the accounts that were deleted before; when that was is not known."""
    deleted = apps.get_model("accounts", "User").objects.filter(email__endswith="@invalid")
    deleted.filter(deleted_at=None).update(deleted_at=timezone.now())


class Migration(migrations.Migration):
    """An older version deletes without this column: `forget_what_has_expired` adds it then."""

    dependencies = [("accounts", "0005_session_origin")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="deleted_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AlterField(
            model_name="user",
            name="email",
            field=models.EmailField(
                error_messages={"unique": "This email is already in use."},
                max_length=254,
                unique=True,
            ),
        ),
        migrations.AlterField(
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
                help_text="How it began. See accounts/sessions/origins.py for what follows from it.",
                max_length=8,
            ),
        ),
        migrations.RunPython(mark_deleted, migrations.RunPython.noop, elidable=True),
    ]
