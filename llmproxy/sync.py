"""Bringing the catalog up to date with what the providers list."""

from dataclasses import dataclass, field

import structlog
from django.db import transaction
from django.utils import timezone

from llmproxy import upstream
from llmproxy.models import Model, Route
from llmproxy.providers import Listing, Provider, configured

log = structlog.get_logger("tokengate.catalog")


@dataclass
class Report:
    """What a synchronization did: models by provider, and the providers that gave no list."""

    synced: dict[str, int] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def sync_models(*, dry_run: bool = False) -> Report:
    """Read every configured provider's list; one that fails keeps the models it had."""
    report = Report()
    for provider in configured().values():
        try:
            listings = _listings(provider)
        except upstream.ListFailed as error:
            log.warning("model_list_failed", provider=provider.name, error=str(error))
            report.failed[provider.name] = str(error)
            continue
        if not dry_run:
            _store(provider, listings)
        report.synced[provider.name] = len(listings)
    return report


def _listings(provider: Provider) -> list[Listing]:
    entries = [entry for entry in upstream.list_models(provider) if _is_sane(entry)]
    if not entries:
        raise upstream.ListFailed("the list holds no models")
    return [provider.dialect.listing(entry) for entry in entries]


def _is_sane(entry: object) -> bool:
    name = entry.get("id") if isinstance(entry, dict) else None
    return isinstance(name, str) and 0 < len(name) <= 200 and name.isprintable()


@transaction.atomic
def _store(provider: Provider, listings: list[Listing]) -> None:
    """Write what the provider says; weights, visibility and priority are the staff's."""
    now = timezone.now()
    for listing in listings:
        Model.objects.get_or_create(
            name=listing.name,
            defaults={
                "title": listing.title[:200],
                "kind": listing.kind,
                "context_length": listing.context_length,
                "max_output_tokens": listing.max_output_tokens,
            },
        )
        Route.objects.update_or_create(
            model_id=listing.name,
            provider=provider.name,
            defaults={
                "upstream_name": listing.name,
                "price_prompt": listing.price_prompt,
                "price_completion": listing.price_completion,
                "synced_at": now,
            },
        )
    Route.objects.filter(provider=provider.name, synced_at__lt=now).delete()
