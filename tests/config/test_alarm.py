"""An alarm rings at the time for which it was last set, and not if it was cleared."""

import asyncio

import pytest

from core.loops import Alarm


class Rung:
    """Alarms, and in which order they rang."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self.last = asyncio.get_running_loop().create_future()

    def alarm(self, name: str) -> Alarm:
        return Alarm(lambda: self._note(name))

    def _note(self, name: str) -> None:
        self.order.append(name)
        if name == "last":
            self.last.set_result(None)


async def test_it_rings_once() -> None:
    rung = Rung()
    rung.alarm("first").set(0.01)
    rung.alarm("last").set(0.03)

    await rung.last

    assert rung.order == ["first", "last"]


async def test_it_can_be_set_earlier_later_and_again() -> None:
    rung = Rung()
    earlier, later, again = map(rung.alarm, ("earlier", "later", "again"))
    earlier.set(600)
    earlier.set(0.01)
    later.set(0.01)
    later.set(0.02)
    again.set(0.01)
    again.clear()
    again.set(0.03)
    rung.alarm("last").set(0.05)

    await rung.last

    assert rung.order == ["earlier", "later", "again", "last"]


@pytest.mark.parametrize("end", ["clear", "stop"])
async def test_it_does_not_ring_when_it_was_ended(end: str) -> None:
    rung = Rung()
    ended = rung.alarm("ended")
    ended.set(0.01)
    getattr(ended, end)()
    rung.alarm("last").set(0.03)

    await rung.last

    assert rung.order == ["last"]


async def test_after_it_was_stopped_or_has_rung_it_can_be_set_again() -> None:
    rung = Rung()
    stopped, rang = rung.alarm("stopped"), rung.alarm("rang")
    stopped.set(0.01)
    stopped.stop()
    stopped.set(0.02)
    rang.set(0.01)
    rung.alarm("last").set(0.03)
    await rung.last
    rung.last = asyncio.get_running_loop().create_future()
    rang.set(0.01)
    rung.alarm("last").set(0.03)

    await rung.last

    assert rung.order == ["rang", "stopped", "last", "rang", "last"]
