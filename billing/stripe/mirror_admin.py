"""Read-only admin pages of dj-stripe's rows.

The tables of API keys and of dj-stripe's own webhook view have no page, because they contain
secrets or nothing.
"""

from typing import Any, ClassVar

from django.apps import apps
from django.contrib import admin
from django.db.models import Field, Model
from djstripe.admin import admin as _registers_its_own  # noqa: F401

from core.admin.pages import ReadOnlyAdmin

_FIRST = ("id", "created", "livemode")
_UNSEEN = ("APIKey", "IdempotencyKey", "WebhookEndpoint", "WebhookEventTrigger")


class MirrorAdmin(ReadOnlyAdmin):
    """A table of Stripe's objects: columns of its own row only, so that a list is one query."""

    search_fields: ClassVar[tuple[str, ...]] = ("id__startswith",)


def register() -> None:
    """Put read-only pages in the place of all that dj-stripe has registered."""
    for model in apps.get_app_config("djstripe").get_models():
        if admin.site.is_registered(model):
            theirs = admin.site.get_model_admin(model)
            admin.site.unregister(model)
            if model.__name__ not in _UNSEEN:
                admin.site.register(model, _page(model, theirs.list_display))


def _page(model: type[Model], columns: Any) -> type[MirrorAdmin]:
    own = {field.name for field in model._meta.get_fields() if _is_plain(field)}  # noqa: SLF001
    shown = [name for name in dict.fromkeys((*_FIRST, *columns)) if name in own]
    has_id = "id" in own
    fields = {"list_display": tuple(shown), "ordering": ("-pk",)}
    if not has_id:
        fields |= {"search_fields": (), "list_display": ("pk", *shown)}
    return type(f"{model.__name__}Page", (MirrorAdmin,), fields)


def _is_plain(field: Any) -> bool:
    return isinstance(field, Field) and not field.is_relation
