"""The model list: OpenAI's shape, with what a client of ours wants to know."""

from decimal import Decimal

from llmproxy.models import Alias, Model, Route
from tests.developer import MODEL, Make
from tests.factories import ModelFactory, RouteFactory
from tests.tokens.accounts import ROOMY
from tokens.models import Balance, Tier


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
        "input_cache_read": None,
        "input_cache_write": None,
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


def test_what_a_model_can_do_is_listed_as_the_provider_says(
    developer: Make, catalog: Model
) -> None:
    (plain,) = developer().http.get("/v1/models").json()["data"]
    assert plain["architecture"]["modality"] == "text->text"
    assert "supported_parameters" not in plain

    said = {
        "input_modalities": ["text", "image"],
        "output_modalities": ["text"],
        "supported_parameters": ["tools", "reasoning"],
    }
    Route.objects.update(capabilities=said)

    model = developer().http.get(f"/v1/models/{MODEL}").json()
    assert model["architecture"] == {
        "modality": "text+image->text",
        "input_modalities": ["text", "image"],
        "output_modalities": ["text"],
    }
    assert model["supported_parameters"] == ["tools", "reasoning"]


def test_anthropics_shape_is_for_who_sends_anthropics_version(
    developer: Make, catalog: Model
) -> None:
    RouteFactory.create(model=ModelFactory.create(name="a/model", title="A model"))
    RouteFactory.create(model=ModelFactory.create(name="z/embeds", kind="embedding"))
    http = developer().http
    headers = {"anthropic-version": "2023-06-01"}

    first = http.get("/v1/models?limit=1", headers=headers).json()
    after = http.get("/v1/models?limit=1000&after_id=a/model", headers=headers).json()
    one = http.get("/v1/models/a/model", headers=headers).json()
    bad = http.get("/v1/models?limit=0", headers=headers)

    assert (first["has_more"], first["first_id"], first["last_id"]) == (True, "a/model", "a/model")
    assert first["data"] == [one]
    assert (one["type"], one["display_name"]) == ("model", "A model")
    assert ([model["id"] for model in after["data"]], after["has_more"]) == ([MODEL], False)
    assert (bad.status_code, bad.json()["type"]) == (400, "error")


def test_a_limit_of_the_plan_on_the_output_is_told(developer: Make, catalog: Model) -> None:
    dev = developer()
    capped = Tier.objects.create(name="capped", title="Capped", max_output_tokens=20, **ROOMY)
    Balance.objects.filter(user_id=dev.user_id).update(tier=capped)

    cut = dev.chat("Tell [[n=90]]", max_tokens=5000)
    own = dev.chat("Tell [[n=90]]", max_tokens=10)

    assert cut.json()["choices"][0]["finish_reason"] == "length"
    limits = [
        (one.headers["x-output-limit"], one.headers["x-output-limited-by"]) for one in (cut, own)
    ]
    assert limits == [("20", "plan"), ("10", "request")]
