"""Health: alive, and ready with the name of what is not."""

import time
from collections.abc import Iterator

import pytest
from celery.signals import before_task_publish, heartbeat_sent
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from config import tasks
from config.tasks import BEAT_KEY, HEARTBEAT_KEY, PULSE_KEY, heartbeat
from llmproxy.models import ProviderState
from llmproxy.routing import health
from llmproxy.routing.breaker import Fault

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _alive(settings: Settings) -> Iterator[None]:
    """Beat has sent a heartbeat, and a worker has run it."""
    settings.UPSTREAMS = {"demo": ("http://127.0.0.1:1/v1", "any")}
    cache.delete_many([BEAT_KEY, HEARTBEAT_KEY, PULSE_KEY])
    tasks._pulse["at"] = float("-inf")
    before_task_publish.send(sender=heartbeat.name)
    heartbeat_sent.send(sender=None)
    heartbeat()
    health.breakers.clear()
    yield
    health.breakers.clear()


def test_a_ready_server_lists_its_checks_and_providers(client: Client) -> None:
    answer = client.get("/api/health/ready")

    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ok",
        "checks": dict.fromkeys(["database", "migrations", "redis", "beat", "worker"], "ok"),
        "failing": [],
        "providers": {"demo": "up"},
    }


def test_a_missing_worker_is_named(client: Client) -> None:
    cache.delete(HEARTBEAT_KEY)

    answer = client.get("/api/health/ready")

    assert (answer.status_code, answer.json()["failing"]) == (503, ["worker"])


def test_a_load_balancer_asks_for_what_serving_needs(client: Client) -> None:
    """Neither a lost worker nor Redis is a reason to send nobody to this server."""
    cache.delete(HEARTBEAT_KEY)

    answer = client.get("/api/health/ready?require=database,migrations")

    assert answer.status_code == 200
    assert answer.json()["checks"] == {"database": "ok", "migrations": "ok"}


@pytest.mark.parametrize("require", ["", "disk", "database,disk"])
def test_checks_that_do_not_exist_are_refused(client: Client, require: str) -> None:
    answer = client.get("/api/health/ready", {"require": require})

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "require")


def test_a_missing_beat_is_named(client: Client) -> None:
    """A worker that beat sends nothing to is known by its own pulse."""
    cache.delete_many([BEAT_KEY, HEARTBEAT_KEY])

    answer = client.get("/api/health/ready")

    assert (answer.status_code, answer.json()["failing"]) == (503, ["beat"])


def test_a_missing_worker_and_beat_are_both_named(client: Client) -> None:
    cache.delete_many([BEAT_KEY, HEARTBEAT_KEY, PULSE_KEY])

    answer = client.get("/api/health/ready")

    assert (answer.status_code, answer.json()["failing"]) == (503, ["beat", "worker"])


def test_a_provider_that_is_down_makes_nothing_unready(client: Client) -> None:
    breaker = health.breakers["demo"]
    breaker.failed(time.time(), fault=Fault.REFUSED, error="401", model="m", limits=health.limits())
    answer = client.get("/api/health/ready")
    assert (answer.status_code, answer.json()["providers"]) == (200, {"demo": "down"})

    ProviderState.objects.create(name="demo", enabled=False)
    assert client.get("/api/health/ready").json()["providers"] == {"demo": "off"}


def test_a_missing_redis_is_named(client: Client, settings: Settings) -> None:
    nobody = {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"}
    settings.CACHES = {"default": nobody}

    answer = client.get("/api/health/ready")

    assert (answer.status_code, answer.json()["failing"]) == (503, ["redis", "beat", "worker"])


def test_alive_asks_nobody(client: Client, settings: Settings) -> None:
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1"}}

    assert client.get("/api/health").json() == {"status": "ok"}
