"""ACCESS_LOG_SHARE: a share of the requests without an error is logged, and all others."""

import logging

import pytest
from django.test import Client
from pytest_django import Settings

from core.logs import ACCESS


@pytest.fixture
def logged(
    monkeypatch: pytest.MonkeyPatch,
) -> list[int]:
    """The statuses in the access log."""
    statuses: list[int] = []
    access = logging.getLogger(ACCESS)
    monkeypatch.setattr(access, "level", logging.INFO)
    monkeypatch.setattr(access, "_cache", {})
    monkeypatch.setattr(access, "handle", lambda record: statuses.append(record.status))
    return statuses


def test_without_the_setting_every_request_is_logged(client: Client, logged: list[int]) -> None:
    for _ in range(20):
        client.get("/api/health")
    assert logged == [200] * 20


def test_of_successes_only_a_share(client: Client, logged: list[int], settings: Settings) -> None:
    settings.ACCESS_LOG_SHARE = 0.0
    for _ in range(20):
        client.get("/api/health")
    assert logged == []


def test_errors_are_always_logged(client: Client, logged: list[int], settings: Settings) -> None:
    settings.ACCESS_LOG_SHARE = 0.0
    client.get("/api/nowhere")
    assert logged == [404]
