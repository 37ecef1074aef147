from django.apps import AppConfig


class BillingConfig(AppConfig):
    name = "billing"

    def ready(self) -> None:
        from billing import mirror_secrets
        from billing import receivers as receivers  # importing it connects them

        mirror_secrets.keep_out()
