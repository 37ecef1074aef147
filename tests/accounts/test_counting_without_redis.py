"""Attempts are counted while Redis is silent, which is waited for once."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.cache import caches
from pytest_django import Settings

from accounts.throttling import caches as counting
from tests.valkey import ValkeyProcess


@pytest.fixture
def valkey(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ValkeyProcess]:
    monkeypatch.setattr(counting._away, "until", 0.0)
    process = ValkeyProcess(tmp_path)
    attempts = {**settings.CACHES["attempts"], "LOCATION": process.url}
    options = {**attempts["OPTIONS"], "SOCKET_TIMEOUT": 1.0}
    settings.CACHES = {**settings.CACHES, "attempts": {**attempts, "OPTIONS": options}}
    yield process
    process.close()


def test_a_silent_redis_is_waited_for_once(
    valkey: ValkeyProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = caches["attempts"]
    valkey.freeze()
    first = attempts.add("first", 1)
    valkey.thaw()

    # It was not asked: it would answer now.
    assert (first, attempts.add("second", 1), attempts.incr("second")) == (True, True, 2)
    assert not valkey.client.keys("*second*")

    monkeypatch.setattr(counting._away, "until", 0.0)
    assert attempts.add("third", 1)
    assert valkey.client.keys("*third*")
