"""The weights of each kind of token: set by staff, else by the ratio of the provider's prices.

A weight of cached tokens that staff leave empty follows the provider: its price of such a token
divided by that of a prompt token, times the prompt's weight. If the provider lists no price, or
zero, they are charged as prompt tokens. Changes of weights are recorded (``WeightChange``), like
those of prices.
"""

from collections.abc import Iterable
from decimal import Decimal

from llmproxy.catalog.pricing import Weights
from llmproxy.models import Model, Route, WeightChange

_THOUSANDTH = Decimal("0.001")
_MILLIONTH = Decimal("0.000001")
# A higher ratio is probably an error in the provider's list.
_MOST = 100


def weights_of(model: Model) -> Weights:
    """Return the weights of a model's tokens."""
    return Weights(
        prompt=model.weight_prompt,
        completion=model.weight_completion,
        cache_read=_weight(model.weight_cache_read, model.ratio_cache_read, model),
        cache_write=_weight(model.weight_cache_write, model.ratio_cache_write, model),
    )


def _weight(set_by_staff: Decimal | None, ratio: Decimal | None, model: Model) -> Decimal:
    if set_by_staff is not None:
        return set_by_staff
    if ratio is None:
        return model.weight_prompt
    return (model.weight_prompt * ratio).quantize(_THOUSANDTH)


def follow_prices() -> None:
    """Update every model's ratios from the prices of its routes, in order of priority."""
    routes: dict[str, list[Route]] = {}
    for route in Route.objects.filter(enabled=True, listed=True).order_by("priority", "id"):
        routes.setdefault(route.model_id, []).append(route)
    models = list(Model.objects.all())
    for model in models:
        ratios = _ratios(routes.get(model.name, []))
        if ratios != (model.ratio_cache_read, model.ratio_cache_write):
            model.ratio_cache_read, model.ratio_cache_write = ratios
            model.save(update_fields=["ratio_cache_read", "ratio_cache_write"])
    remember(models)


def _ratios(routes: Iterable[Route]) -> tuple[Decimal | None, Decimal | None]:
    """Return the ratios of cache reads and writes of the first route that has prices for them."""
    for route in routes:
        ratios = (_ratio(route.price_cached, route), _ratio(route.price_cache_write, route))
        if ratios != (None, None):
            return ratios
    return None, None


def _ratio(price: Decimal | None, route: Route) -> Decimal | None:
    """Return the ratio of a price to a prompt token's; None if it is not listed or implausible.

    Gateways list zero for models without a cache.
    """
    if not price or not route.price_prompt:
        return None
    ratio = (price / route.price_prompt).quantize(_MILLIONTH)
    return ratio if 0 < ratio <= _MOST else None


def remember(models: Iterable[Model]) -> None:
    """Record the weights of some models if they changed."""
    now = {model.name: weights_of(model) for model in models}
    changes = WeightChange.objects.filter(model__in=now).order_by("model", "-since", "-id")
    before = {change.model: _noted(change) for change in changes.distinct("model")}
    WeightChange.objects.bulk_create(
        WeightChange(
            model=name,
            weight_prompt=weights.prompt,
            weight_completion=weights.completion,
            weight_cache_read=weights.of_reads,
            weight_cache_write=weights.of_writes,
        )
        for name, weights in now.items()
        if before.get(name) != weights
    )


def _noted(change: WeightChange) -> Weights:
    return Weights(
        change.weight_prompt,
        change.weight_completion,
        change.weight_cache_read,
        change.weight_cache_write,
    )
