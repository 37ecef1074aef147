from django.apps import AppConfig
from django.conf import settings


class ConfigConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        from config import checks  # noqa: F401 - registers the checks
        from config.celery import app  # noqa: F401 - makes it the current app

        if settings.SENTRY_DSN:
            from core.reporting import report_errors  # A tenth of what a process has to load.

            report_errors(settings.SENTRY_DSN)
