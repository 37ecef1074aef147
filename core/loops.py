"""Objects that belong to an event loop, and waiting on it."""

import asyncio
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
