"""A bounded wait ends with what is waited for, or in time, and neither touches the other."""

import asyncio
import gc
from dataclasses import dataclass
from typing import Any

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


async def test_one_that_ended_early_disturbs_none_that_begins_after_its_time() -> None:
    future = pending()
    early = waiting(future, within=0.02)
    await asyncio.sleep(0)
    future.set_result(None)
    await early
    await in_order(until_its_time_is_over=0.04)

    await asyncio.wait_for(ended(pending(), within=0.02), 60)


def futures() -> int:
    gc.collect()
    # Not isinstance, which asks a weak proxy for the class of an object that may be gone.
    return sum(issubclass(type(each), asyncio.Future) for each in gc.get_objects())


@pytest.mark.parametrize("end", ["the future's", "cancellation"])
async def test_one_that_has_ended_is_not_kept_until_its_time(end: str) -> None:
    before = futures()

    for _ in range(100):
        future = pending()
        wait = waiting(future)
        await asyncio.sleep(0)
        wait.cancel() if end == "cancellation" else future.set_result(None)
        await asyncio.wait([wait])

    assert futures() < before + 10


async def test_a_future_keeps_nothing_of_a_wait_in_vain() -> None:
    future = pending()
    before = gc.get_referents(future)

    await ended(future, within=0.01)

    assert gc.get_referents(future) == before


@dataclass
class Clock:
    """The event loop's clock, which a test sets, and how many timers were started."""

    now: float
    timers: int = 0


@pytest.fixture
async def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    loop = asyncio.get_running_loop()
    clock, start = Clock(loop.time()), loop.call_at

    def call_at(*arguments: Any) -> asyncio.TimerHandle:
        clock.timers += 1
        return start(*arguments)

    monkeypatch.setattr(loop, "time", lambda: clock.now)
    monkeypatch.setattr(loop, "call_at", call_at)
    return clock


async def two(clock: Clock, *, second_ends: bool) -> asyncio.Task[None]:
    """Begin two waits of 600 seconds; return the second one when the first has had its time."""
    first, future = waiting(pending()), pending()
    await asyncio.sleep(0)
    clock.now += 300
    second = waiting(future)
    await asyncio.sleep(0)
    if second_ends:
        future.set_result(None)
        await second
    clock.now += 300
    await first
    return second


async def test_those_of_one_length_share_a_timer(clock: Clock) -> None:
    second = await two(clock, second_ends=False)
    third = waiting(pending())
    await asyncio.sleep(0)

    assert clock.timers == 2  # one for the first, and then one for the second
    clock.now += 300
    await second
    assert clock.timers == 3
    clock.now += 300
    await third


async def test_one_that_has_ended_needs_no_timer(clock: Clock) -> None:
    await two(clock, second_ends=True)

    assert clock.timers == 1
