from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class TokensConfig(AppConfig):
    name = "tokens"

    def ready(self) -> None:
        from tokens import receivers  # noqa: F401 - importing it connects them

        post_migrate.connect(_create_partitions, sender=self)


def _create_partitions(**_: Any) -> None:
    """Create the partitions of the coming months, unless the migrations that were run end before.

    Django calls this after ``migrate``.
    """
    from tokens.usage import partitions

    if partitions.are_there():
        partitions.create_missing()
