"""What each kind of token is charged: as staff say, else by the ratio of the provider's prices.

A weight of cached tokens that staff leave empty follows the provider: its price of such a token
divided by that of a prompt token, times the prompt's weight. Where it lists no price, or zero, they
are charged as prompt tokens. What the weights become is kept (``WeightChange``), as prices are.
"""

from collections.abc import Iterable
from decimal import Decimal

from llmproxy.catalog.pricing import Weights
from llmproxy.models import Model, Route, WeightChange

_THOUSANDTH = Decimal("0.001")
_MILLIONTH = Decimal("0.000001")
# What is dearer than so many prompt tokens is rather an error in the list.
_MOST = 100


def weights_of(model: Model) -> Weights:
    """Return what is charged for the tokens of a model."""
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
    """Bring every model's ratios up to date with the prices of its routes, in order of priority."""
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
    """Return the ratios of cache reads and writes, of the first route whose prices tell any."""
    for route in routes:
        ratios = (_ratio(route.price_cached, route), _ratio(route.price_cache_write, route))
        if ratios != (None, None):
            return ratios
    return None, None


def _ratio(price: Decimal | None, route: Route) -> Decimal | None:
    """Return a price beside that of a prompt token; None where it is not listed, or makes no sense.

    Gateways list zero where a model has no cache.
    """
    if not price or not route.price_prompt:
        return None
    ratio = (price / route.price_prompt).quantize(_MILLIONTH)
    return ratio if 0 < ratio <= _MOST else None


def remember(models: Iterable[Model]) -> None:
    """Note what the weights of some models are, unless that is what they were."""
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
