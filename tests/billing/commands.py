"""Running a management command, for what it prints."""

from io import StringIO

from django.core.management import call_command


def run(command: str, **options: bool) -> str:
    out = StringIO()
    call_command(command, stdout=out, **options)
    return out.getvalue()
