"""The model list: OpenAI's shape, with what a client of ours wants to know."""

from decimal import Decimal

from llmproxy.models import Alias, Model, Route
from tests.developer import MODEL, Make
from tests.factories import ModelFactory, RouteFactory
from tokens.models import Tier


def test_a_model_is_listed_with_prices_weights_and_providers(
    developer: Make, catalog: Model
) -> None:
    Model.objects.update(context_length=8192, weight_completion=Decimal("1.5"))
    Route.objects.update(price_prompt=Decimal("0.00000025"))

    (model,) = developer().http.get("/api/llm/models").json()["data"]

    assert (model["id"], model["object"], model["owned_by"]) == (MODEL, "model", "openai")
    assert model["context_length"] == 8192
    assert model["pricing"] == {
        "prompt": "0.00000025",
        "completion": None,
        "cached": None,
        "cache_write": None,
        "request": None,
    }
    assert model["weights"] == {
        "prompt": 1.0,
        "completion": 1.5,
        "cache_read": 1.0,
        "cache_write": 1.0,
    }
    assert model["providers"] == ["demo"]


def test_only_what_the_plan_allows_unless_all_are_asked_for(
    developer: Make, catalog: Model
) -> None:
    RouteFactory.create(model__name="other/model")
    dev = developer()
    Tier.objects.update(allowed_models=["openai/*"])

    def names(query: str) -> list[str]:
        return [m["id"] for m in dev.http.get(f"/api/llm/models{query}").json()["data"]]

    assert names("") == [MODEL]
    assert names("?all=1") == [MODEL, "other/model"]


def test_what_nobody_serves_or_staff_withdrew_is_not_listed(
    developer: Make, catalog: Model
) -> None:
    ModelFactory.create(name="nobody/serves-it")
    RouteFactory.create(model__name="by/a-stranger", provider="not-configured")
    RouteFactory.create(model__name="switched/off", enabled=False)
    RouteFactory.create(model__name="with/drawn", model__visible=False)

    listed = developer().http.get("/api/llm/models?all=1").json()["data"]

    assert [model["id"] for model in listed] == [MODEL]


def test_a_weight_is_charged(developer: Make, catalog: Model) -> None:
    Model.objects.update(weight_prompt=Decimal("0.5"), weight_completion=Decimal(3))
    dev = developer()

    dev.chat("[[n=10,prompt=21]]")

    assert dev.balance.used == 41  # ceil(10.5 + 30)


def test_an_alias_is_charged_as_its_model(developer: Make, catalog: Model) -> None:
    Alias.objects.create(name="fast", model=catalog)
    dev = developer()

    assert dev.chat("[[n=3]]", model="fast").status_code == 200

    assert [receipt.model for receipt in dev.receipts] == [MODEL]
    assert dev.http.get("/api/llm/models/fast").json()["id"] == MODEL
    Tier.objects.update(allowed_models=["fast"])
    dev = developer()
    assert dev.chat("[[n=3]]", model="fast").json()["error"]["model"] == MODEL
