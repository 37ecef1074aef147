"""Health: alive, and ready with the name of what is not."""

import pytest
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from config.tasks import HEARTBEAT_KEY, heartbeat

pytestmark = pytest.mark.django_db


def test_it_works(client: Client) -> None:
    heartbeat()

    answer = client.get("/api/health/ready")

    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ok",
        "checks": dict.fromkeys(["database", "migrations", "redis", "worker"], "ok"),
        "failing": [],
    }


def test_no_worker(client: Client) -> None:
    cache.delete(HEARTBEAT_KEY)

    answer = client.get("/api/health/ready")

    assert (answer.status_code, answer.json()["failing"]) == (503, ["worker"])


def test_no_redis(client: Client, settings: Settings) -> None:
    nobody = {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"}
    settings.CACHES = {"default": nobody}

    answer = client.get("/api/health/ready")

    assert (answer.status_code, answer.json()["failing"]) == (503, ["redis", "worker"])


def test_alive_asks_nobody(client: Client, settings: Settings) -> None:
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1"}}

    assert client.get("/api/health").json() == {"status": "ok"}
