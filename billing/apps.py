from django.apps import AppConfig


class BillingConfig(AppConfig):
    name = "billing"

    def ready(self) -> None:
        from billing import receivers as receivers  # importing it connects them
        from billing.stripe import mirror_secrets

        mirror_secrets.keep_out()
