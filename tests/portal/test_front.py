"""The public front: what anybody sees, without a session and without the database of users."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from llmproxy.models import Incident, Model, ProviderDay, ProviderState
from llmproxy.routing import health, history
from tests.factories import RouteFactory

PAGES = ["/", "/pricing", "/models", "/status", "/terms", "/privacy"]


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_open_and_leads_on(client: Client, path: str) -> None:
    text = client.get(path).text
    assert text.count("<h1>") == 1
    for way in ("/accounts/login/", "/accounts/signup/", "/pricing", "/status", "/privacy"):
        assert f'href="{way}' in text, way
    assert 'name="robots"' not in text


@pytest.mark.parametrize("path", PAGES)
def test_the_signed_in_are_led_to_the_portal(visitor: Client, path: str) -> None:
    text = visitor.get(path).text
    assert 'href="/portal/"' in text
    assert "/accounts/signup/" not in text


def test_prices_by_month_and_by_year(client: Client) -> None:
    assert "20.00 USD" in client.get("/pricing").text
    text = client.get("/pricing?interval=year").text
    assert "200.00 USD" in text
    assert "\N{MINUS SIGN}17 %" in text


def test_models_are_found_by_their_name(client: Client, served: Model) -> None:
    RouteFactory.create(model__name="anthropic/claude", model__title="Claude")
    assert "openai/gpt-5-mini" in client.get("/models?q=GPT mini").text
    text = client.get("/models?q=claude").text
    assert "anthropic/claude" in text
    assert "openai/gpt-5-mini" not in text
    assert "No model matches" in client.get("/models?q=nothing").text


def test_models_by_capability_and_order(client: Client, served: Model) -> None:
    RouteFactory.create(model__name="a/eyes", capabilities={"input_modalities": ["image"]})
    RouteFactory.create(model__name="b/long", model__context_length=1_000_000)
    assert [each.model.name for each in client.get("/models?can=image").context["found"]] == [
        "a/eyes"
    ]
    found = client.get("/models?order=context").context["found"]
    assert [each.model.name for each in found] == ["b/long", "openai/gpt-5-mini", "a/eyes"]
    assert client.get("/models?can=x&order=x").status_code == 200


def test_only_models_that_somebody_serves(client: Client, served: Model) -> None:
    RouteFactory.create(model__name="a/gone", provider="gone")
    ProviderState.objects.create(name="demo", enabled=False)
    assert client.get("/models").context["total"] == 0


def test_the_status_now(client: Client, served: Model) -> None:
    assert "All providers answer." in client.get("/status").text
    ProviderState.objects.create(name="demo", enabled=False)
    assert "No provider answers at the moment." in client.get("/status").text


def test_days_are_counted_by_state(served: Model, settings: Settings) -> None:
    health.breakers.clear()
    for _ in range(3):
        assert history.observe() == 1
    row = ProviderDay.objects.get(provider="demo")
    assert (row.up, row.degraded, row.down) == (3, 0, 0)


def test_a_provider_that_staff_switched_off_is_not_counted(served: Model) -> None:
    ProviderState.objects.create(name="demo", enabled=False)
    assert history.observe() == 0


@pytest.mark.parametrize(
    ("counts", "state"),
    [((10, 0, 0), "up"), ((99, 1, 0), "degraded"), ((98, 0, 2), "degraded"), ((9, 0, 1), "down")],
)
def test_a_day_shows_the_worst_that_lasted(
    served: Model, counts: tuple[int, int, int], state: str
) -> None:
    up, degraded, down = counts
    day = timezone.now().date() - timedelta(days=3)
    ProviderDay.objects.create(provider="demo", day=day, up=up, degraded=degraded, down=down)
    days = history.days_of_all()["demo"]
    assert len(days) == 90
    assert [each.state for each in days if each.state] == [state]
    share = history.uptime(days)
    assert share is not None
    assert round(share, 3) == (up + degraded) / sum(counts)


def test_old_days_are_forgotten(served: Model) -> None:
    long_ago = timezone.now().date() - timedelta(days=401)
    ProviderDay.objects.create(provider="demo", day=long_ago, up=1)
    history.forget_old()
    assert not ProviderDay.objects.exists()


def test_incidents_are_told(client: Client, served: Model) -> None:
    now = timezone.now()
    Incident.objects.create(title="Slow answers", text="We look into it.")
    Incident.objects.create(title="Past", started_at=now - timedelta(days=2), ended_at=now)
    text = client.get("/status").text
    assert "Slow answers" in text
    assert "Past" in text
    assert "All providers answer." not in text


def test_what_the_operator_says(client: Client, settings: Settings) -> None:
    settings.SITE_NAME = "Acme <AI>"
    settings.SITE_OPERATOR = "Acme Ltd\n1 Example Street"
    settings.SITE_CONTACT = "help@acme.example"
    settings.USAGE_RETENTION_DAYS = 90
    text = client.get("/privacy").text
    assert "Acme &lt;AI&gt;" in text
    assert "Acme Ltd<br>1 Example Street" in text
    assert "mailto:help@acme.example" in text
    assert "after 90 days" in text
