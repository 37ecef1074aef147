"""Which models there are, and who serves them now: a snapshot of the catalog in memory.

A worker reads the catalog again when its snapshot is older than a few seconds, so what staff
change is in force everywhere soon, and no request waits for the database.
"""

import time
from dataclasses import dataclass

from django.conf import settings

from config.database import in_thread
from llmproxy.errors import ModelNotFound, NoUpstream
from llmproxy.models import Model, Route
from llmproxy.pricing import Prices, Weights
from llmproxy.providers import Provider, configured


@dataclass(frozen=True)
class ServedRoute:
    provider: Provider
    upstream_name: str
    prices: Prices


@dataclass(frozen=True)
class ServedModel:
    """A model that clients may ask for; `routes` in the order in which they are tried."""

    name: str
    title: str
    kind: str
    context_length: int | None
    max_output_tokens: int | None
    weights: Weights
    created: int
    routes: tuple[ServedRoute, ...]


class Catalog:
    """The models by name, as they were when last read."""

    def __init__(self) -> None:
        self._models: dict[str, ServedModel] = {}
        self._read_at = float("-inf")

    async def models(self) -> dict[str, ServedModel]:
        """Return every visible model that some configured provider serves."""
        if time.monotonic() - self._read_at > settings.CATALOG_SECONDS:
            self._read_at = time.monotonic()  # The others go on with what there is.
            try:
                self._models = await in_thread(read)
            except Exception:
                if not self._models:
                    self._read_at = float("-inf")
                    raise
        elif not self._models:
            self._models = await in_thread(read)
        return self._models

    async def find(self, name: str) -> ServedModel:
        """Return one model. Raises ``ModelNotFound``, or ``NoUpstream`` when nobody serves it."""
        model = (await self.models()).get(name)
        if model is None:
            raise ModelNotFound(name)
        if not model.routes:
            raise NoUpstream
        return model


catalog = Catalog()


def read() -> dict[str, ServedModel]:
    """Read the visible models, and the enabled routes to providers that are configured."""
    providers = configured()
    routes: dict[str, list[ServedRoute]] = {}
    for route in Route.objects.filter(enabled=True).order_by("priority", "id"):
        if route.provider in providers:
            routes.setdefault(route.model_id, []).append(_route(route, providers))
    return {
        model.name: _model(model, routes.get(model.name, []))
        for model in Model.objects.filter(visible=True).order_by("name")
    }


def _route(route: Route, providers: dict[str, Provider]) -> ServedRoute:
    prices = Prices(
        route.price_prompt, route.price_completion, route.price_cached, route.price_request
    )
    return ServedRoute(providers[route.provider], route.upstream_name, prices)


def _model(model: Model, routes: list[ServedRoute]) -> ServedModel:
    return ServedModel(
        name=model.name,
        title=model.title,
        kind=model.kind,
        context_length=model.context_length,
        max_output_tokens=model.max_output_tokens,
        weights=Weights(model.weight_prompt, model.weight_completion),
        created=int(model.created_at.timestamp()),
        routes=tuple(routes),
    )
