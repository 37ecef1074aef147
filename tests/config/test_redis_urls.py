"""The forms of REDIS_URL, and what the cache, the broker and the clients make of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from django.core.cache import caches
from django.core.exceptions import ImproperlyConfigured
from kombu import Connection
from pytest_django import Settings

from core.redis_servers import CacheConnections, async_client, celery_broker, client, servers
from tests.valkey_servers import Cluster, Watched


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    nodes = Watched(tmp_path)
    yield nodes
    nodes.close()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    nodes = Cluster(tmp_path)
    yield nodes
    nodes.close()


def test_one_server_is_left_as_it_is() -> None:
    for url in ("redis://host/1", "rediss://:p@host:6380", "unix:///run/redis.sock?db=2"):
        assert (servers(url).kind, servers(url).url) == ("single", url)


def test_sentinels() -> None:
    found = servers("redis+sentinel://u:p%40w@a,[::1]:5,b:7/2?service=site&sentinel_password=s")

    assert found.addresses == (("a", 26379), ("::1", 5), ("b", 7))
    assert (found.username, found.password, found.database) == ("u", "p@w", 2)
    assert (found.service, found.sentinel) == ("site", {"password": "s"})
    assert found.url_of(("c", 1)) == "redis://u:p%40w@c:1/2"
    assert found.url_of_sentinel(("::1", 5)) == "redis://:s@[::1]:5"


def test_a_cluster() -> None:
    found = servers("redis+cluster://:secret@a,b:7000?tls=true")

    assert found.addresses == (("a", 6379), ("b", 7000))
    assert found.connection == {"ssl": True, "password": "secret"}
    assert found.url_of(("a", 6379)) == "rediss://:secret@a:6379/0"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("redis+other://a", "not at redis\\+other"),
        ("redis+sentinel://a", "names its service"),
        ("redis+sentinel://?service=x", "names no host"),
        ("redis+sentinel://a:b?service=x", "port"),
        ("redis+cluster://a/1", "database 0 only"),
        ("redis+cluster://a/x", "database of a Redis server is no number"),
        ("redis+cluster://a?db=0", "no option db"),
    ],
)
def test_what_cannot_be_right_is_refused(url: str, told: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=told):
        servers(url)


def test_the_broker_in_celerys_words() -> None:
    url, options = celery_broker("redis+sentinel://:p%40w@a,b:7/2?service=site")

    assert url == "sentinel://:p%40w@a:26379/2;sentinel://:p%40w@b:7/2"
    assert options == {"master_name": "site", "sentinel_kwargs": {}}
    assert (
        celery_broker("unix:///run/r.sock?db=3")[0] == "redis+socket:///run/r.sock?virtual_host=3"
    )
    with pytest.raises(ImproperlyConfigured, match="QUEUE_REDIS_URL"):
        celery_broker("redis+cluster://a")


def test_the_cache_and_the_queue_follow_a_new_primary(watched: Watched, settings: Settings) -> None:
    use(watched.url, settings)
    url, options = celery_broker(watched.url)
    watched.kill_primary()

    caches["default"].set("a", 1)
    with Connection(url, transport_options=options) as queue:
        queue.SimpleQueue("waiting").put("task")

    assert caches["default"].get("a") == 1
    assert watched.primary().client.llen("waiting") == 1


def test_the_cache_on_a_cluster(cluster: Cluster, settings: Settings) -> None:
    use(cluster.url, settings)
    cache = caches["default"]

    for number in range(20):
        assert cache.add(f"key{number}", 1)
        assert cache.incr(f"key{number}") == 2
    cache.delete_many([f"key{number}" for number in range(10)])

    assert len(cache.get_many([f"key{number}" for number in range(20)])) == 10
    assert all(node.client.dbsize() for node in cluster.primaries)


def test_a_lost_shard_is_an_outage_for_its_keys_only(cluster: Cluster) -> None:
    found = client(cluster.url, timeout=2)
    cluster.primaries[0].kill()

    seen = [answers(found, f"key{number}") for number in range(20)]

    assert 0 < seen.count(True) < 20


def test_a_cluster_that_is_away_is_an_outage() -> None:
    with pytest.raises(redis.ConnectionError):
        client("redis+cluster://127.0.0.1:1", timeout=1)


async def test_asynchronous_clients(watched: Watched, cluster: Cluster) -> None:
    for url in (watched.url, cluster.url):
        found = async_client(url, timeout=10)
        await found.hset("hash", mapping={"a": "b"})
        assert await found.hgetall("hash") == {b"a": b"b"}
        await found.aclose()


def answers(found: redis.Redis, key: str) -> bool:
    try:
        found.set(key, 1)
    except redis.ConnectionError:
        return False
    return True


def use(url: str, settings: Settings) -> None:
    assert settings.CACHES["default"]["OPTIONS"]["CONNECTION_FACTORY"].endswith(
        CacheConnections.__name__
    )
    settings.CACHES = {
        name: {**cache, "LOCATION": [url]} for name, cache in settings.CACHES.items()
    }
