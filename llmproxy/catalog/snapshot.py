"""A snapshot of the catalog in memory: the models, and the providers that serve them.

A worker reads the catalog again when its snapshot is older than a few seconds. So changes by staff
take effect soon in every worker, and requests do not wait for the database.
"""

import time
from dataclasses import dataclass, field
from functools import cached_property

import structlog

from core.database import in_thread
from core.plain_settings import settings
from llmproxy.catalog import names
from llmproxy.catalog.pricing import Prices, Weights
from llmproxy.catalog.weights import weights_of
from llmproxy.errors import ModelNotFound, NoUpstream
from llmproxy.models import Alias, Model, ProviderState, Route
from llmproxy.providers import Provider, configured
from llmproxy.providers.capabilities import UNKNOWN, Capabilities

log = structlog.get_logger("tokengate.proxy")


@dataclass(frozen=True)
class ServedRoute:
    provider: Provider
    upstream_name: str
    prices: Prices
    priority: int = 100
    capabilities: Capabilities = UNKNOWN


@dataclass(frozen=True)
class ServedModel:
    """A model that clients can request; `routes` in the order in which they are tried."""

    name: str
    title: str
    kind: str
    context_length: int | None
    max_output_tokens: int | None
    weights: Weights
    created: int
    routes: tuple[ServedRoute, ...]

    @property
    def capabilities(self) -> Capabilities:
        """What the first provider that says anything of it can do; ``UNKNOWN`` if none does."""
        known = (route.capabilities for route in self.routes)
        return next((each for each in known if each != UNKNOWN), UNKNOWN)


@dataclass(frozen=True)
class Snapshot:
    """The contents of the database: models by name, aliases, and providers that staff disabled."""

    models: dict[str, ServedModel] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    switched_off: frozenset[str] = frozenset()

    @cached_property
    def _short(self) -> dict[str, str]:
        """Names by their short forms, without ambiguous forms."""
        return names.short_forms(self.models, self.aliases)

    def named(self, name: str) -> ServedModel | None:
        """Return a model by its name, an alias, or a short form (``llmproxy.catalog.names``)."""
        found = self.models.get(name) or self.models.get(self.aliases.get(name, ""))
        return found or self.models.get(self._short.get(names.short_form(name), ""))


class Catalog:
    """The catalog as of the last read."""

    def __init__(self) -> None:
        self._snapshot = Snapshot()
        self._read_at = float("-inf")

    async def models(self) -> dict[str, ServedModel]:
        """Return every visible model by name. A model without routes has no provider."""
        return (await self.snapshot()).models

    async def snapshot(self) -> Snapshot:
        """Return the snapshot, at most a few seconds old."""
        if self._is_old():
            self._read_at = time.monotonic()  # Other requests use the old one meanwhile.
            try:
                self._snapshot = await in_thread(read)
            except Exception as error:
                log.warning("catalog_not_read", error=repr(error))
                if not self._snapshot.models:
                    self._read_at = float("-inf")
                    raise
        elif not self._snapshot.models:
            self._snapshot = await in_thread(read)
        return self._snapshot

    def latest(self) -> Snapshot:
        """Return the same to synchronous code, such as pages: read at most every few seconds."""
        if not self._snapshot.models or self._is_old():
            self._read_at = time.monotonic()
            try:
                self._snapshot = read()
            except Exception:
                self._read_at = float("-inf")
                raise
        return self._snapshot

    def _is_old(self) -> bool:
        return time.monotonic() - self._read_at > settings.CATALOG_SECONDS

    async def find(self, name: str) -> ServedModel:
        """Return one model, by its name or an alias.

        Raises ``ModelNotFound``, or ``NoUpstream`` if no provider serves it.
        """
        known = await self.snapshot()
        model = known.named(name)
        if model is None:
            raise ModelNotFound(name, nearest=names.nearest(name, known.models))
        if not model.routes:
            raise NoUpstream
        return model


catalog = Catalog()


def read() -> Snapshot:
    """Read the visible models, and the routes to providers that are configured and enabled."""
    providers = configured()
    off = frozenset(ProviderState.objects.filter(enabled=False).values_list("name", flat=True))
    routes: dict[str, list[ServedRoute]] = {}
    for route in Route.objects.filter(enabled=True, listed=True).order_by("priority", "id"):
        if route.provider in providers and route.provider not in off:
            routes.setdefault(route.model_id, []).append(_route(route, providers))
    models = {
        model.name: _model(model, routes.get(model.name, []))
        for model in Model.objects.filter(visible=True).order_by("name")
    }
    return Snapshot(models, dict(Alias.objects.values_list("name", "model_id")), off)


def _route(route: Route, providers: dict[str, Provider]) -> ServedRoute:
    prices = Prices(
        route.price_prompt,
        route.price_completion,
        route.price_cached,
        route.price_request,
        route.price_cache_write,
    )
    provider = providers[route.provider]
    capabilities = Capabilities.from_json(route.capabilities)
    return ServedRoute(provider, route.upstream_name, prices, route.priority, capabilities)


def _model(model: Model, routes: list[ServedRoute]) -> ServedModel:
    return ServedModel(
        name=model.name,
        title=model.title,
        kind=model.kind,
        context_length=model.context_length,
        max_output_tokens=model.max_output_tokens,
        weights=weights_of(model),
        created=int(model.created_at.timestamp()),
        routes=tuple(routes),
    )
