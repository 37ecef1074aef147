"""Providers in the admin site: how each is, and the switch that the proxy obeys."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from llmproxy.catalog import snapshot
from tests.adminpanel.site import signed_in
from tests.factories import RouteFactory

LIST = "/admin/llmproxy/providerstate/"
SURE = {"reason": "they are down", "sure": "on"}


@pytest.fixture(autouse=True)
def route(db: None, settings: Any) -> None:
    settings.UPSTREAMS = {"demo": ("http://127.0.0.1:1/v1", "")}
    RouteFactory.create(model__name="test/one", provider="demo")


def switch(client: Client, to: str, name: str = "demo") -> int:
    return client.post(f"{LIST}{name}/switch-{to}/", SURE).status_code


def served() -> int:
    return len(snapshot.read().models["test/one"].routes)


def test_the_proxy_obeys(db: None) -> None:
    staff = signed_in("admin")
    assert served() == 1
    for _ in range(2):
        assert switch(staff, "off") == 302
    assert served() == 0
    assert "they are down" in staff.get(LIST).text
    assert switch(staff, "on") == 302
    assert served() == 1
    noted = [entry.change_message for entry in LogEntry.objects.order_by("pk")]
    assert noted == [
        "provider: on → off. Reason: they are down",
        "provider: off → on. Reason: they are down",
    ]


@pytest.mark.parametrize("role", ["support", "finance"])
def test_who_may_only_look(role: str) -> None:
    client = signed_in(role)
    assert "Switch off" not in client.get(LIST).text
    assert switch(client, "off") == 403
    assert served() == 1


def test_who_may_not_look() -> None:
    assert signed_in("staff").get(LIST).status_code == 403


def test_an_unknown_provider() -> None:
    staff = signed_in("admin")
    assert switch(staff, "off", name="nobody") == 404
    assert switch(staff, "sideways") == 404
