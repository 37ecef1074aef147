"""One supervised process: its output, its end, and its descendants."""

import asyncio
import ctypes
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Callable, Mapping, Sequence

_PR_SET_PDEATHSIG = 1
_LAST_WORDS_SECONDS = 1.0

Listener = Callable[[str], None]


class Child:
    """A running process in its own session, so that it does not receive the terminal's Ctrl-C."""

    def __init__(self, name: str, process: Process, output: int, listener: Listener) -> None:
        self.name = name
        self._process = process
        self.ended = asyncio.create_task(self._live(output, listener))

    @classmethod
    async def start(
        cls,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        listener: Listener,
    ) -> "Child":
        """Start a process; ``listener`` gets each line that it prints."""
        # Our own pipe: asyncio waits for the descendants of a process, too.
        output, theirs = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=theirs,
                stderr=theirs,
                start_new_session=True,
                preexec_fn=_end_with_parent(),
            )
        except BaseException:
            os.close(output)
            raise
        finally:
            os.close(theirs)
        return cls(name, process, output, listener)

    async def stop(self, *, seconds: float) -> bool:
        """Stop it, and kill the remaining processes. False if it did not stop in time."""
        if not self.ended.done():
            self._process.terminate()
            await asyncio.wait([self.ended], timeout=seconds)
        in_time = self.ended.done()
        self.kill()
        await self.ended
        return in_time

    def kill(self) -> None:
        """Kill it, and every descendant in its group."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        except PermissionError:  # macOS raises this for a group with only zombies
            return

    async def _live(self, output: int, listener: Listener) -> int:
        lines = asyncio.create_task(_read_lines(output, listener))
        code = await self._process.wait()
        await asyncio.wait([lines], timeout=_LAST_WORDS_SECONDS)  # a descendant may hold the pipe
        lines.cancel()
        return code


async def _read_lines(output: int, listener: Listener) -> None:
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(output, "rb", buffering=0)
    )
    rest = b""
    try:
        while chunk := await reader.read(65536):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                listener(line.decode(errors="replace").rstrip("\r"))
        if rest:
            listener(rest.decode(errors="replace"))
    finally:
        transport.close()


def how_it_ended(code: int) -> str:
    """A description of a return code."""
    return (
        f"exited with code {code}" if code >= 0 else f"was killed by {signal.Signals(-code).name}"
    )


def _end_with_parent() -> Callable[[], None] | None:
    """On Linux, let the kernel end the child if this process is killed."""
    if sys.platform != "linux":
        return None
    libc, parent = ctypes.CDLL(None), os.getpid()

    def ask_kernel() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return ask_kernel
