from django.apps import AppConfig
from django.contrib import admin
from django.db.models.signals import post_migrate


class AdminPanelConfig(AppConfig):
    name = "adminpanel"

    def ready(self) -> None:
        from adminpanel import roles

        admin.site.index_template = "adminpanel/index.html"
        post_migrate.connect(roles.seed, sender=self)
