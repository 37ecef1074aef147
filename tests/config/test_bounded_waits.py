"""A bounded wait ends with what is waited for, or in time, and neither touches the other."""

import asyncio

import pytest

from core.loops import ended

Future = asyncio.Future[None]


def pending() -> Future:
    return asyncio.get_running_loop().create_future()


def waiting(future: Future, *, within: float = 600) -> asyncio.Task[None]:
    return asyncio.create_task(ended(future, within=within))


async def test_it_ends_with_the_future() -> None:
    future = pending()
    wait = waiting(future)
    await asyncio.sleep(0)
    assert not wait.done()

    future.set_result(None)

    await wait


async def test_it_ends_at_once_if_the_future_has() -> None:
    future = pending()
    future.set_result(None)

    await ended(future, within=600)


@pytest.mark.parametrize("end", ["failure", "cancellation"])
async def test_however_the_future_ends_the_wait_only_ends(end: str) -> None:
    future = pending()
    wait = waiting(future)
    await asyncio.sleep(0)

    future.set_exception(ValueError()) if end == "failure" else future.cancel()

    await wait
    assert future.cancelled() or isinstance(future.exception(), ValueError)


async def in_order(**lengths: float) -> list[str]:
    """Begin a wait of each length, and return their names in the order in which they end."""
    order: list[str] = []

    async def note(name: str, within: float) -> None:
        await ended(pending(), within=within)
        order.append(name)

    async with asyncio.TaskGroup() as tasks:
        for name, within in lengths.items():
            tasks.create_task(note(name, within))
    return order


async def test_each_ends_in_its_time() -> None:
    assert await in_order(last=0.06, first=0.02, second=0.02) == ["first", "second", "last"]


async def test_one_has_its_whole_time_although_another_began_before() -> None:
    before = pending()
    over = waiting(before, within=0.08)
    await in_order(pause=0.04)
    before.set_result(None)
    await over

    assert await in_order(whole=0.08, three_quarters=0.06) == ["three_quarters", "whole"]


async def test_a_wait_that_is_cancelled_leaves_the_future_alone() -> None:
    future = pending()
    wait = waiting(future)
    await asyncio.sleep(0)

    wait.cancel()

    with pytest.raises(asyncio.CancelledError):
        await wait
    assert not future.done()
    future.set_result(None)
