from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AdminPanelConfig(AppConfig):
    name = "adminpanel"

    def ready(self) -> None:
        from adminpanel import roles

        post_migrate.connect(roles.seed, sender=self)
