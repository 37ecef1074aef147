"""A group of processes: when one ends, or on request, all of them end."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence

from devserver.supervisor.child import Child, Listener, how_it_ended
from devserver.supervisor.console import Console
from devserver.supervisor.errors import StartError

_STOP_SECONDS = 15.0


class Family:
    """Starts children in order, and stops them in reverse order."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._children: list[Child] = []
        self._end: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def live(self, boot: Callable[[], Awaitable[None]]) -> int:
        """Run ``boot``, then wait for the end. The code is 0 if the end was requested, else 1."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._asked_to_end)
        booting = asyncio.create_task(self._boot(boot))
        code = await self._end
        booting.cancel()
        await asyncio.wait([booting])
        await self._stop_all()
        return code

    async def add(
        self, name: str, command: Sequence[str], *, environment: Mapping[str, str]
    ) -> None:
        """Start a child that should live as long as the family."""
        child = await self._start(name, command, environment, self._repeat(name))
        child.ended.add_done_callback(lambda ended: self._fell(name, ended.result()))

    async def run(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        listener: Listener,
    ) -> int:
        """Run a child until it exits, and return its code."""
        child = await self._start(name, command, environment, listener)
        return await asyncio.shield(child.ended)

    async def _start(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], listener: Listener
    ) -> Child:
        child = await Child.start(name, command, environment=environment, listener=listener)
        self._children.append(child)
        return child

    async def _boot(self, boot: Callable[[], Awaitable[None]]) -> None:
        try:
            await boot()
        except StartError as refused:
            self._finish(1, str(refused))
        except Exception:
            self._finish(1, "the start failed")
            raise

    def _repeat(self, name: str) -> Listener:
        return lambda line: self.console.say(name, line)

    def _fell(self, name: str, code: int) -> None:
        self._finish(1, f"{name} {how_it_ended(code)}: stopping everything")

    def _asked_to_end(self) -> None:
        if self._end.done():
            for child in self._children:
                child.kill()
        self._finish(0, "stopping (once more: at once)")

    def _finish(self, code: int, why: str) -> None:
        if not self._end.done():
            self._end.set_result(code)
            self.console.say("run", why)

    async def _stop_all(self) -> None:
        for child in reversed(self._children):
            if not await child.stop(seconds=_STOP_SECONDS):
                self.console.say(
                    "run", f"{child.name} did not stop in {_STOP_SECONDS:.0f} s: killed"
                )
