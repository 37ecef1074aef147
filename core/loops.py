"""Objects that belong to an event loop, and waiting on it."""

import asyncio
import math
from collections.abc import Callable
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")


class PerLoop(Generic[T]):
    """One of a kind for each event loop; calling it gives the running loop's.

    A worker has one loop for life, which is answered without a search; tests have many.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        """``make`` is called when a loop first asks."""
        self._make = make
        self._made: WeakKeyDictionary[asyncio.AbstractEventLoop, T] = WeakKeyDictionary()
        self._last_loop: asyncio.AbstractEventLoop | None = None
        self._last: Any = None

    def __call__(self) -> T:
        loop = asyncio.get_running_loop()
        if loop is not self._last_loop:
            if loop not in self._made:
                self._made[loop] = self._make()
            self._last_loop, self._last = loop, self._made[loop]
        last: T = self._last
        return last

    def pop(self) -> T | None:
        """Forget the running loop's, and return it if there is one."""
        self._last_loop = self._last = None
        return self._made.pop(asyncio.get_running_loop(), None)


class Alarm:
    """One timer for many waits, one at a time: to set and clear it is cheap, and so rarely rings.

    A timer of its own for each wait takes ten times the instructions. This one is left running,
    and looks when it ends whether there is still something to wait for.
    """

    def __init__(self, ring: Callable[[], object]) -> None:
        """``ring`` is called when the time for which it was last set has come."""
        self._ring = ring
        self._loop = asyncio.get_running_loop()
        self._by = math.inf
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = math.inf

    def set(self, seconds: float) -> None:
        """Ring in so many seconds, unless it is set anew or cleared before."""
        self._by = by = self._loop.time() + seconds
        if by < self._rings_at:
            self._start()

    def set_at(self, by: float) -> None:
        """Do as ``set`` at a time of the event loop's clock."""
        self._by = by
        if by < self._rings_at:
            self._start()

    def clear(self) -> None:
        """Do not ring."""
        self._by = math.inf

    def stop(self) -> None:
        """Do not ring, and keep nothing in the event loop."""
        self._by = self._rings_at = math.inf
        if self._timer is not None:
            self._timer.cancel()

    def _start(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._rings_at = self._by
        self._timer = self._loop.call_at(self._by, self._look)

    def _look(self) -> None:
        self._timer, self._rings_at = None, math.inf
        if self._by == math.inf:
            return
        if self._loop.time() < self._by:
            self._start()
            return
        self._by = math.inf
        self._ring()


async def ended(future: asyncio.Future[Any], *, within: float) -> None:
    """Wait until it is done, or so many seconds; neither its end nor ours touches the other.

    As ``asyncio.wait`` of one, at a third of what that takes.
    """
    if future.done():
        return
    loop = asyncio.get_running_loop()
    waiter: asyncio.Future[None] = loop.create_future()

    def wake(_: object = None) -> None:
        if not waiter.done():
            waiter.set_result(None)

    timer = loop.call_later(within, wake)
    future.add_done_callback(wake)
    try:
        await waiter
    finally:
        timer.cancel()
        future.remove_done_callback(wake)
