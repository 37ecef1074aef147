"""`/api/v1/…` is the same API, pinned."""

from django.test import Client
from django.urls import reverse

from tests.developer import Make


def test_v1_routes_answer_as_the_unversioned_ones(client: Client) -> None:
    assert client.get("/api/v1/health").json() == client.get("/api/health").json()
    assert reverse("balance") == "/api/tokens/balance"


def test_the_proxy_too(developer: Make) -> None:
    dev = developer()

    pinned, current = (dev.http.get(f"/api/{v}llm/models").json() for v in ("v1/", ""))

    assert pinned == current
    assert len(current["data"]) == 1
