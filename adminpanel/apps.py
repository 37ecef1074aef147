from django.apps import AppConfig, apps
from django.contrib import admin
from django.db.models.signals import post_migrate


class AdminPanelConfig(AppConfig):
    name = "adminpanel"

    def ready(self) -> None:
        from adminpanel.access import roles

        admin.site.index_title = "Home"  # as in the menu
        admin.site.index_template = "adminpanel/index.html"
        # Not by this app, which has no models: for those alone Django sends the signal.
        post_migrate.connect(roles.seed, sender=apps.get_app_config("auth"))
