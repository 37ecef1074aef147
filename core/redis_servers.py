"""Where Redis is: one server, Sentinels that know its primary, or a cluster; and clients for each.

    redis://[[user]:password@]host:6379/0, rediss://…, unix://path?db=0
    redis+sentinel://[[user]:password@]host:26379,host:26379/0?service=name
    redis+cluster://[[user]:password@]host:6379,host:6379

User and password are those of the servers; ``sentinel_password`` is that of the Sentinels, and
``tls=true`` encrypts the connections. A password is percent-encoded where it must be.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal
from urllib.parse import parse_qs, quote, unquote, urlsplit

import redis
import redis.asyncio
import redis.asyncio.sentinel
from django.core.exceptions import ImproperlyConfigured
from django_redis.pool import ConnectionFactory  # type: ignore[import-untyped]
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.exceptions import ClusterError, RedisClusterException
from redis.retry import Retry
from redis.sentinel import Sentinel

Address = tuple[str, int]
Kind = Literal["single", "sentinel", "cluster"]

# redis-py leaves them without types.
_node: Any = ClusterNode
_sentinels: Any = Sentinel
_async_sentinels: Any = redis.asyncio.sentinel.Sentinel

_PORTS: Mapping[str, int] = {"sentinel": 26379, "cluster": 6379}
_FORM = re.compile(r"[^:]+://(?P<hosts>[^/?#]*)(?P<path>[^?#]*)\??(?P<query>.*)")
_KNOWN = frozenset(("service", "sentinel_password", "tls"))


@dataclass(frozen=True)
class Servers:
    """What a URL says. Only ``kind`` and ``url`` are set for a single server."""

    kind: Kind
    url: str
    addresses: tuple[Address, ...] = ()
    username: str = ""
    password: str = ""
    database: int = 0
    tls: bool = False
    service: str = ""
    sentinel_password: str = ""

    @property
    def connection(self) -> dict[str, Any]:
        """Return redis-py's options for a connection to a server, without its address."""
        options: dict[str, Any] = {"ssl": True} if self.tls else {}
        if self.username:
            options["username"] = self.username
        if self.password:
            options["password"] = self.password
        return options

    @property
    def sentinel(self) -> dict[str, Any]:
        """Return redis-py's options for a connection to a Sentinel, without its address."""
        options: dict[str, Any] = {"ssl": True} if self.tls else {}
        if self.sentinel_password:
            options["password"] = self.sentinel_password
        return options

    def url_of(self, address: Address) -> str:
        """Return the URL of one of the servers by itself."""
        scheme = "rediss" if self.tls else "redis"
        secret = f"{quote(self.username)}:{quote(self.password, safe='')}@" if self.password else ""
        return f"{scheme}://{secret}{_spelled(address)}/{self.database}"

    def url_of_sentinel(self, address: Address) -> str:
        """Return the URL of one of the Sentinels."""
        password = f":{quote(self.sentinel_password, safe='')}@" if self.sentinel_password else ""
        return f"{'rediss' if self.tls else 'redis'}://{password}{_spelled(address)}"


@cache
def servers(url: str) -> Servers:
    """Read a URL. Raises ``ImproperlyConfigured`` if it cannot be understood."""
    scheme, plus, kind = url.partition("://")[0].partition("+")
    if not plus:
        return Servers("single", url)
    if scheme != "redis" or kind not in _PORTS:
        raise ImproperlyConfigured(
            f"Redis is at redis://, rediss://, unix://, redis+sentinel:// or redis+cluster://,"
            f" not at {scheme}+{kind}://"
        )
    # Not by urlsplit: it knows one host.
    parts = _FORM.fullmatch(url)
    assert parts is not None
    options = {name: values[-1] for name, values in parse_qs(parts["query"]).items()}
    if unknown := options.keys() - _KNOWN:
        raise ImproperlyConfigured(f"A URL of Redis has no option {', '.join(sorted(unknown))}.")
    account, _, hosts = parts["hosts"].rpartition("@")
    username, _, password = account.partition(":")
    found = Servers(
        "sentinel" if kind == "sentinel" else "cluster",
        url,
        tuple(_address(each, _PORTS[kind]) for each in hosts.split(",") if each),
        username=unquote(username),
        password=unquote(password),
        database=_database(parts["path"]),
        tls=options.get("tls", "false").lower() in ("true", "1", "yes"),
        service=options.get("service", ""),
        sentinel_password=options.get("sentinel_password", ""),
    )
    return _checked(found)


def _checked(found: Servers) -> Servers:
    if not found.addresses:
        raise ImproperlyConfigured("A URL of Redis names no host.")
    if found.kind == "sentinel" and not found.service:
        raise ImproperlyConfigured("A redis+sentinel:// URL names its service: ?service=tokengate")
    if found.kind == "cluster" and found.database:
        raise ImproperlyConfigured("A Redis cluster has the database 0 only.")
    return found


def _address(text: str, port: int) -> Address:
    host, colon, number = text.rpartition(":")
    if not colon or number.endswith("]"):  # without a port
        host, number = text, str(port)
    if not number.isdecimal():
        raise ImproperlyConfigured("The port of a Redis server is no number.")
    return host.strip("[]"), int(number)


def _database(path: str) -> int:
    name = path.strip("/") or "0"
    if not name.isdecimal():
        raise ImproperlyConfigured("The database of a Redis server is no number.")
    return int(name)


def _spelled(address: Address) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def celery_broker(url: str) -> tuple[str, dict[str, Any]]:
    """Translate a URL for Celery: the broker's URL, and transport options.

    Celery spells unix sockets and Sentinels in its own way. It cannot use a cluster: that raises
    ``ImproperlyConfigured``.
    """
    found = servers(url)
    if found.kind == "cluster":
        raise ImproperlyConfigured(
            "Celery cannot use a Redis cluster: set QUEUE_REDIS_URL to a redis:// or"
            " redis+sentinel:// URL."
        )
    if found.kind == "sentinel":
        options = {"master_name": found.service, "sentinel_kwargs": found.sentinel}
        return ";".join(map(_as_celery_spells(found), found.addresses)), options
    parts = urlsplit(url)
    if parts.scheme != "unix":
        return url, {}
    database = parse_qs(parts.query).get("db", ["0"])[0]
    return f"redis+socket://{parts.path}?virtual_host={database}", {}


def _as_celery_spells(found: Servers) -> Any:
    secret = f"{quote(found.username)}:{quote(found.password, safe='')}@" if found.password else ""
    return lambda address: f"sentinel://{secret}{_spelled(address)}/{found.database}"


class _Cluster(RedisCluster):
    """Says that a cluster is away as a single server does: by ``redis.ConnectionError``."""

    def __init__(self, **options: Any) -> None:
        try:
            super().__init__(**options)
        except (RedisClusterException, ClusterError) as error:
            raise redis.ConnectionError(str(error)) from error

    def execute_command(self, *args: Any, **options: Any) -> Any:
        try:
            return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        except (RedisClusterException, ClusterError) as error:
            raise redis.ConnectionError(str(error)) from error

    def mget(self, keys: Any, *args: Any) -> Any:
        """Read keys of any slots, as the cache does: not at one moment."""
        return self.mget_nonatomic(keys, *args)


def client(url: str, *, timeout: float, connect_timeout: float | None = None) -> Any:
    """Return a synchronous client; times in seconds.

    Only a cluster is asked at once for its nodes; that raises ``redis.ConnectionError``. Keep the
    client: it keeps its connections.
    """
    found = servers(url)
    times: dict[str, Any] = {
        "socket_timeout": timeout,
        "socket_connect_timeout": connect_timeout or timeout,
    }
    if found.kind == "single":
        return redis.Redis.from_url(url, **times)
    if found.kind == "cluster":
        nodes = [_node(host, port) for host, port in found.addresses]
        retry = Retry(NoBackoff(), 1)  # Of a failed node once more, when its successor is known.
        # One lost shard does not take the others along.
        return _Cluster(
            startup_nodes=nodes,
            retry=retry,
            require_full_coverage=False,
            **times,
            **found.connection,
        )
    sentinels = _sentinels(
        list(found.addresses), sentinel_kwargs={**times, **found.sentinel}, **times
    )
    return sentinels.master_for(found.service, db=found.database, **found.connection)


def async_client(url: str, *, timeout: float) -> Any:
    """Return a client for asyncio, which connects when it is first used; ``timeout`` in seconds."""
    found = servers(url)
    times: dict[str, Any] = {"socket_timeout": timeout, "socket_connect_timeout": timeout}
    if found.kind == "single":
        return redis.asyncio.Redis.from_url(url, **times)
    if found.kind == "cluster":
        return redis.asyncio.RedisCluster(
            startup_nodes=[
                redis.asyncio.cluster.ClusterNode(host, port) for host, port in found.addresses
            ],
            retry=redis.asyncio.retry.Retry(NoBackoff(), 1),
            require_full_coverage=False,
            **times,
            **found.connection,
        )
    sentinels = _async_sentinels(
        list(found.addresses), sentinel_kwargs={**times, **found.sentinel}, **times
    )
    return sentinels.master_for(found.service, db=found.database, **found.connection)


class CacheConnections(ConnectionFactory):  # type: ignore[misc]  # untyped
    """Gives Django's cache its client (``CONNECTION_FACTORY`` of django-redis)."""

    def connect(self, url: str) -> Any:
        """Return the client of this process."""
        return _client_of_caches(
            url, self.options["SOCKET_TIMEOUT"], self.options["SOCKET_CONNECT_TIMEOUT"]
        )

    def disconnect(self, connection: Any) -> None:
        """Close its connections; it opens new ones when it is used again."""
        if isinstance(connection, RedisCluster):
            connection.disconnect_connection_pools()  # type: ignore[no-untyped-call]
        else:
            super().disconnect(connection)


@cache
def _client_of_caches(url: str, timeout: float, connect_timeout: float) -> Any:
    return client(url, timeout=timeout, connect_timeout=connect_timeout)
