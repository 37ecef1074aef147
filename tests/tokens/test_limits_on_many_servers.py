"""The limits on a primary that Sentinels replace, and on a cluster that loses a shard."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from pytest_django import Settings
from redis.crc import key_slot

from tests.valkey_servers import Cluster, Node, Watched
from tokens.errors import LimitReached
from tokens.limits import admission
from tokens.limits.states import Limits

TWO = Limits(2, 100_000, 100)
ROOMY = Limits(1_000, 100_000, 1_000)


@pytest.fixture(autouse=True)
async def _patient(settings: Settings) -> AsyncIterator[None]:
    settings.LIMITS_REDIS_TIMEOUT = 60.0  # a busy machine is no outage
    yield
    await admission.aclose()


@pytest.fixture
def watched(tmp_path: Path, settings: Settings) -> Iterator[Watched]:
    servers = Watched(tmp_path)
    settings.REDIS_URL = servers.url
    yield servers
    servers.close()


@pytest.fixture
def cluster(tmp_path: Path, settings: Settings) -> Iterator[Cluster]:
    servers = Cluster(tmp_path)
    settings.REDIS_URL = servers.url
    yield servers
    servers.close()


async def shared(user: int, limits: Limits = ROOMY) -> bool:
    """Admit a request; tells whether Redis counted it."""
    slot = await admission.admit(user_id=user, api_key=None, limits=limits, tokens=1)
    return bool(slot.bucket)


async def until_shared(user: int) -> None:
    async with asyncio.timeout(120):
        while not await shared(user):  # noqa: ASYNC110 - another process has no event of ours
            await asyncio.sleep(0.05)


async def test_the_primary_that_a_sentinel_names_counts(watched: Watched) -> None:
    assert await shared(1, TWO)
    assert await shared(1, TWO)
    with pytest.raises(LimitReached):
        await shared(1, TWO)

    assert watched.primary().client.exists("window:{1}")
    peeked = admission.peek(user_id=1, api_key=None, limits=TWO)
    assert peeked.requests_left == 0


async def test_its_successor_counts_without_a_restart(watched: Watched) -> None:
    assert await shared(1)

    await asyncio.to_thread(watched.kill_primary)
    await until_shared(1)

    assert watched.primary().client.exists("window:{1}")


async def test_a_former_primary_is_left_for_the_new_one(watched: Watched) -> None:
    """It answers, as a replica: with READONLY."""
    assert await shared(1)
    former = watched.primary()

    watched.swap()
    await until(lambda: former.client.role()[0] == b"slave")
    await until_shared(1)

    assert watched.primary() is not former


async def test_each_user_is_counted_on_the_node_of_their_slot(cluster: Cluster) -> None:
    await admission.connect()
    users = [user_of(node) for node in range(3)]

    for user, node in zip(users, cluster.primaries, strict=True):
        assert await shared(user)
        assert node.client.keys() == [f"window:{{{user}}}".encode()]
        assert admission.peek(user_id=user, api_key=None, limits=TWO).requests_left == 1


async def test_a_moved_slot_is_followed(cluster: Cluster) -> None:
    await admission.connect()
    user = user_of(0)

    move(cluster, f"window:{{{user}}}", to=cluster.primaries[1])

    assert await shared(user)
    assert cluster.primaries[1].client.exists(f"window:{{{user}}}")


async def test_a_slot_on_its_way_is_asked_for_where_it_goes(cluster: Cluster) -> None:
    await admission.connect()
    user = user_of(0)
    key = f"window:{{{user}}}"

    begin_to_move(cluster, key, to=cluster.primaries[1])

    assert await shared(user)
    assert cluster.primaries[0].client.keys() == []
    assert int(cluster.primaries[1].client.dbsize()) == 1


async def test_a_lost_shard_costs_the_others_nothing(cluster: Cluster) -> None:
    await admission.connect()
    lost, kept = user_of(0), user_of(1)

    cluster.primaries[0].kill()

    assert not await shared(lost)
    assert await shared(kept)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(120):
        while not condition():  # noqa: ASYNC110 - another process has no event of ours
            await asyncio.sleep(0.05)


def user_of(number: int) -> int:
    """A user whose window is on this primary."""
    bounds = (0, 5461, 10923, 16384)
    return next(
        user
        for user in range(1, 1000)
        if bounds[number] <= key_slot(f"window:{{{user}}}".encode()) < bounds[number + 1]
    )


def begin_to_move(cluster: Cluster, key: str, *, to: Node) -> None:
    slot, source = key_slot(key.encode()), cluster.primaries[0]
    to.client.execute_command("CLUSTER SETSLOT", slot, "IMPORTING", source.client.cluster("MYID"))
    source.client.execute_command("CLUSTER SETSLOT", slot, "MIGRATING", to.client.cluster("MYID"))


def move(cluster: Cluster, key: str, *, to: Node) -> None:
    begin_to_move(cluster, key, to=to)
    name = to.client.cluster("MYID")
    for node in (to, cluster.primaries[0]):
        node.client.execute_command("CLUSTER SETSLOT", key_slot(key.encode()), "NODE", name)
