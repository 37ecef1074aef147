"""Updating the catalog from the model lists of the providers."""

from dataclasses import dataclass, field
from datetime import datetime

import structlog
from django.db import transaction
from django.utils import timezone

from llmproxy.catalog import weights
from llmproxy.models import Model, PriceChange, Route
from llmproxy.providers import Listing, Provider, configured
from llmproxy.upstream import client

log = structlog.get_logger("tokengate.catalog")

PRICES = (
    "price_prompt",
    "price_completion",
    "price_cached",
    "price_cache_write",
    "price_request",
)
# A list that has shrunk below this fraction is probably incomplete.
_LEAST_LEFT = 0.5
_FEW = 10


@dataclass
class Report:
    """The result of a synchronization: models by provider, and the providers that failed."""

    synced: dict[str, int] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def sync_models(*, dry_run: bool = False, accept_loss: bool = False) -> Report:
    """Read every configured provider's list. If that fails, its models are unchanged.

    A list that has lost most of its models counts as failed, unless ``accept_loss``.
    """
    report = Report()
    for provider in configured().values():
        try:
            listings = _listings(provider)
            if not accept_loss:
                _check_size(provider, listings)
        except client.ListFailed as error:
            log.warning("model_list_failed", provider=provider.name, error=str(error))
            report.failed[provider.name] = str(error)
            continue
        if not dry_run:
            _store(provider, listings)
        report.synced[provider.name] = len(listings)
    return report


def _listings(provider: Provider) -> list[Listing]:
    entries = [entry for entry in client.list_models(provider) if _is_sane(entry)]
    if not entries:
        raise client.ListFailed("the list contains no models")
    listings = [provider.dialect.listing(entry) for entry in entries]
    return list({listing.name: listing for listing in listings}.values())


def _is_sane(entry: object) -> bool:
    name = entry.get("id") if isinstance(entry, dict) else None
    return isinstance(name, str) and 0 < len(name) <= 200 and name.isprintable()


def _check_size(provider: Provider, listings: list[Listing]) -> None:
    before = Route.objects.filter(provider=provider.name, listed=True).count()
    if before >= _FEW and len(listings) < before * _LEAST_LEFT:
        raise client.ListFailed(
            f"the list has shrunk from {before} to {len(listings)} models: if this is correct, run"
            " sync_models --accept-loss"
        )


@transaction.atomic
def _store(provider: Provider, listings: list[Listing]) -> None:
    """Write the provider's list. Weights, visibility, order and aliases are set by staff.

    Weights of cached tokens that staff left empty follow the prices.

    Models that are missing from the list are kept and marked as unlisted, because they may return
    and have settings of staff.
    """
    now = timezone.now()
    routes = list(Route.objects.filter(provider=provider.name))
    served = {route.model_id for route in routes}
    by_name = {listing.name: listing for listing in listings}
    for listing in listings:
        _store_model(listing)
        if listing.name not in served:
            routes.append(
                Route(model_id=listing.name, provider=provider.name, upstream_name=listing.name)
            )
    for route in routes:
        _store_route(route, by_name.get(route.upstream_name), now)
    weights.follow_prices()


def _store_model(listing: Listing) -> None:
    """Create the model. If it exists, only its empty fields are filled in."""
    facts = {
        "context_length": listing.context_length,
        "max_output_tokens": listing.max_output_tokens,
    }
    model, is_new = Model.objects.get_or_create(
        name=listing.name, defaults={"title": listing.title, "kind": listing.kind, **facts}
    )
    for name, value in {} if is_new else facts.items():
        if getattr(model, name) is None and value is not None:
            Model.objects.filter(pk=model.pk).update(**{name: value})


def _store_route(route: Route, listing: Listing | None, now: datetime) -> None:
    """Write a route's prices, and record a change."""
    route.listed = listing is not None
    if listing:
        prices = {name: getattr(listing, name) for name in PRICES}
        if route.pk is None or any(getattr(route, name) != prices[name] for name in PRICES):
            history = {"model": route.model_id, "provider": route.provider, "since": now}
            PriceChange.objects.create(**history, **prices)
        for name, price in prices.items():
            setattr(route, name, price)
        route.capabilities = listing.capabilities.as_json()
        route.synced_at = now
    # Not the fields that staff may be changing concurrently.
    written = None if route.pk is None else [*PRICES, "capabilities", "listed", "synced_at"]
    route.save(update_fields=written)
