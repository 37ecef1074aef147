"""Name, logo and colors of the site: used everywhere, and checked."""

import pytest
from django.core.checks.registry import registry
from django.test import Client
from pytest_django import Settings

from config.checks import site_can_be_drawn
from core.pages import colors


def ids(settings: Settings, **changed: str) -> list[str]:
    for name, value in changed.items():
        setattr(settings, name, value)
    return [str(found.id) for found in site_can_be_drawn()]


def test_the_defaults_are_good(settings: Settings) -> None:
    assert ids(settings) == []
    assert site_can_be_drawn in registry.registered_checks


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"SITE_NAME": " "}, "tokengate.E011"),
        ({"SITE_LOGO": "https://elsewhere.example/logo.svg"}, "tokengate.E011"),
        ({"SITE_LOGO": "//elsewhere.example/logo.svg"}, "tokengate.E011"),
        ({"SITE_ACCENT": "blue"}, "tokengate.E011"),
        ({"SITE_ACCENT": "#12345"}, "tokengate.E011"),
        ({"SITE_ACCENT": "#ffdd00"}, "tokengate.W003"),
        ({"SITE_ACCENT_DARK": "#222222"}, "tokengate.W003"),
    ],
)
def test_what_cannot_be_drawn(settings: Settings, changed: dict[str, str], found: str) -> None:
    assert ids(settings, **changed) == [found]


def test_the_default_accent_can_be_read() -> None:
    assert colors.contrast("#3056d3", "#ffffff") >= 4.5
    assert colors.contrast("#7f9dff", "#0b1029") >= 4.5
    assert round(colors.contrast("#000000", "#ffffff")) == 21


def test_pages_carry_them(client: Client, settings: Settings, db: None) -> None:
    settings.SITE_NAME, settings.SITE_LOGO = "Acme", "/static/acme.svg"
    settings.SITE_ACCENT = "#0a7a3f"
    text = client.get("/accounts/login/").text
    assert "· Acme</title>" in text
    assert 'src="/static/acme.svg"' in text
    css = client.get("/theme.css")
    assert css.headers["Content-Type"] == "text/css; charset=utf-8"
    assert "--accent: light-dark(#0a7a3f," in css.text
    assert "/theme.css?v=" in text


def test_without_an_accent_nothing_more_is_loaded(client: Client, db: None) -> None:
    assert "theme.css" not in client.get("/accounts/login/").text
    assert client.get("/theme.css").text == ""
