"""Whoever can write to Redis cannot have code run here: nothing of it is unpickled."""

import json
import pickle
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import caches
from django_redis import get_redis_connection  # type: ignore[import-untyped]
from kombu.exceptions import ContentDisallowed
from kombu.serialization import loads

from config.celery import app

RAN: list[str] = []


class Planted:
    """Runs code when it is unpickled."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return RAN.append, ("unpickled",)


@pytest.mark.parametrize("name", settings.CACHES)
def test_what_a_cache_stores_is_json(name: str) -> None:
    cache, key = caches[name], f"no-pickle-{name}"
    cache.set(key, {"a": [1, "x"]}, timeout=60)

    stored = get_redis_connection(name).get(cache.make_key(key))

    assert json.loads(stored) == {"a": [1, "x"]}


@pytest.mark.parametrize("name", settings.CACHES)
def test_a_planted_pickle_is_not_run(name: str) -> None:
    cache, key = caches[name], f"planted-{name}"
    get_redis_connection(name).set(cache.make_key(key), pickle.dumps(Planted()), ex=60)

    with pytest.raises(ValueError, match=r"decode|Expecting"):
        cache.get(key)

    assert RAN == []


def test_a_task_that_is_pickled_is_refused() -> None:
    body = pickle.dumps(Planted())

    with pytest.raises(ContentDisallowed):
        loads(body, "application/x-python-serialize", "binary", accept=app.conf.accept_content)

    assert RAN == []
    assert set(app.conf.accept_content) == {"json"}
