"""Objects that belong to an event loop, and waiting on it."""

import asyncio
import math
from collections import deque
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

    As ``asyncio.wait`` of one, at a tenth of what that takes.
    """
    if future.done():
        return
    waiter = _waits()[within].begin()

    def wake(_: object) -> None:
        if not waiter.done():
            waiter.set_result(None)

    future.add_done_callback(wake)
    try:
        await waiter
    finally:
        future.remove_done_callback(wake)


class _Waits:
    """Waits of one length. They end in the order in which they began: one timer is enough."""

    def __init__(self, seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._seconds = seconds
        self._waits: deque[tuple[float, asyncio.Future[None]]] = deque()
        self._has_timer = False

    def begin(self) -> asyncio.Future[None]:
        """Return a future that is done when the time has come, unless it is done before."""
        waiter: asyncio.Future[None] = self._loop.create_future()
        waits, by = self._waits, self._loop.time() + self._seconds
        while waits and waits[0][1].done():
            waits.popleft()
        waits.append((by, waiter))
        if not self._has_timer:
            self._has_timer = True
            self._loop.call_at(by, self._look)
        return waiter

    def _look(self) -> None:
        """End the waits whose time has come, and look again when that of the next one does."""
        waits, now = self._waits, self._loop.time()
        while waits and (waits[0][0] <= now or waits[0][1].done()):
            _, waiter = waits.popleft()
            if not waiter.done():
                waiter.set_result(None)
        self._has_timer = bool(waits)
        if waits:
            self._loop.call_at(waits[0][0], self._look)


class _WaitsByLength(dict[float, _Waits]):
    def __missing__(self, seconds: float) -> _Waits:
        waits = self[seconds] = _Waits(seconds)
        return waits


_waits = PerLoop(_WaitsByLength)
