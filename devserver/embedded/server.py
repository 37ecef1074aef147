"""A server process that outlives the process that started it.

The process inherits an open, locked file, and the kernel keeps the lock while any process of the
server lives. So it is known after every crash whether the server is running. A pid in a file may
belong to another process by then. The methods expect the caller to hold the start lock of
``lifetime``, except those that only read.
"""

import fcntl
import os
import signal
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import BinaryIO, ClassVar

from devserver.embedded.errors import EmbeddedError
from devserver.embedded.folders import make_private
from devserver.embedded.places import Places
from devserver.embedded.processes import bare_environment, command_line, wait_until

_START_SECONDS = 120  # the recovery after a crash can be slow
_KILL_SECONDS = 10
_LOG_BYTES = 5_000_000


class Server(ABC):
    """One embedded server of one data folder."""

    name: ClassVar[str]
    variable: ClassVar[str]
    """The environment variable that selects another server instead of this one."""
    stop_signals: ClassVar[Sequence[tuple[signal.Signals, float]]]
    """The signals to send, and the seconds to wait after each, before SIGKILL."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.data = places.home / self.name
        self.life = places.home / f"{self.name}.life"
        self.log = places.log / f"{self.name}.log"
        self._child: subprocess.Popen[bytes] | None = None

    @property
    @abstractmethod
    def url(self) -> str: ...

    @abstractmethod
    def prepare(self) -> list[str]:
        """Prepare the data folder, and return the command to run."""

    @abstractmethod
    def ready(self) -> bool:
        """Whether the server accepts connections now."""

    @abstractmethod
    def owns(self, command: str) -> bool:
        """Whether this is the command line of this server, in this data folder."""

    def start(self) -> None:
        """Start the server, unless it is running, and return when it accepts connections."""
        if self.alive() and self._settled():
            return
        self.stop()
        for folder in (self.places.data, self.places.home, self.places.log, self.places.sockets):
            make_private(folder)
        self._spawn(self.prepare())
        if not self._settled():
            raise EmbeddedError(f"{self.name} did not start. {self.log} ends with:\n{self._tail()}")

    def stop(self) -> None:
        """Stop the server, and return when none of its processes is left."""
        for number, seconds in (*self.stop_signals, (signal.SIGKILL, _KILL_SECONDS)):
            if not self.alive():
                break
            self._signal(number)
            wait_until(self.gone, seconds=seconds)
        else:
            if self.alive():
                raise EmbeddedError(f"{self.name} in {self.data} cannot be stopped from here.")
        if self._child:
            self._child.wait()

    def alive(self) -> bool:
        """Whether any process of the server lives."""
        try:
            file = self.life.open("rb")
        except FileNotFoundError:
            return False
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def gone(self) -> bool:
        return not self.alive()

    def pid(self) -> int | None:
        """The server's main process, if it is alive and visible from here."""
        if not self.alive():
            return None
        pid = int(self.life.read_text() or 0)
        return pid if self.owns(command_line(pid)) else None

    def _spawn(self, command: list[str]) -> None:
        with self.life.open("a+b") as life, self._open_log() as log:
            fcntl.flock(life, fcntl.LOCK_EX)
            self._child = subprocess.Popen(  # nosec B603  # noqa: S603 - the command is ours
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.places.home,
                env=bare_environment(),
                pass_fds=[life.fileno()],
                start_new_session=True,  # Ctrl-C in a terminal must not stop the servers
            )
            life.truncate(0)
            life.write(str(self._child.pid).encode())

    def _open_log(self) -> BinaryIO:
        if self.log.exists() and self.log.stat().st_size > _LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        return self.log.open("ab")

    def _settled(self) -> bool:
        wait_until(lambda: self.ready() or self.gone(), seconds=_START_SECONDS)
        return self.alive() and self.ready()

    def _signal(self, number: signal.Signals) -> None:
        if pid := self.pid():
            os.kill(pid, number)

    def _tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-10:])
