"""The list of models: search and filters, in the URL."""

from dataclasses import dataclass
from decimal import Decimal

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from llmproxy.catalog.snapshot import ServedModel, catalog

_SHOWN = 300
_MILLION = 1_000_000
_CAPABILITIES = (
    ("tools", _("Tools")),
    ("image", _("Images")),
    ("reasoning", _("Reasoning")),
    ("embedding", _("Embeddings")),
)
_ORDERS = (("name", _("Name")), ("weight", _("Weight, lowest first")), ("context", _("Context")))


@dataclass(frozen=True)
class Listed:
    """A model as the page shows it; prices in USD per million tokens."""

    model: ServedModel
    capabilities: frozenset[str]
    price_prompt: Decimal | None
    price_completion: Decimal | None

    @property
    def labels(self) -> list[str]:
        return [str(label) for name, label in _CAPABILITIES if name in self.capabilities]


@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """List the models that a provider serves now."""
    listed = [_listed(model) for model in catalog.latest().models.values() if model.routes]
    wanted = request.GET.get("q", "").strip().lower()[:100]
    can = request.GET.get("can", "")
    found = [
        each
        for each in listed
        if _matches(each.model, wanted) and (not can or can in each.capabilities)
    ]
    found = _ordered(found, request.GET.get("order", ""))
    facts = {
        "found": found[:_SHOWN],
        "count": len(found),
        "total": len(listed),
        "q": request.GET.get("q", ""),
        "can": can,
        "order": request.GET.get("order", ""),
        "capabilities": _CAPABILITIES,
        "orders": _ORDERS,
    }
    return render(request, "portal/front/models.html", facts)


def _listed(model: ServedModel) -> Listed:
    first = model.routes[0]
    described = model.capabilities
    can = {"tools", "reasoning"} & set(described.supported_parameters)
    can |= {"image"} & set(described.input_modalities)
    can |= {"embedding"} if model.kind == "embedding" else set()
    return Listed(
        model,
        frozenset(can),
        _per_million(first.prices.prompt),
        _per_million(first.prices.completion),
    )


def _per_million(price: Decimal | None) -> Decimal | None:
    return None if price is None else price * _MILLION


def _matches(model: ServedModel, wanted: str) -> bool:
    text = f"{model.name} {model.title}".lower()
    return all(word in text for word in wanted.split())


def _ordered(found: list[Listed], order: str) -> list[Listed]:
    if order == "weight":
        return sorted(found, key=lambda each: (each.model.weights.completion, each.model.name))
    if order == "context":
        return sorted(found, key=lambda each: (-(each.model.context_length or 0), each.model.name))
    return sorted(found, key=lambda each: each.model.name)
