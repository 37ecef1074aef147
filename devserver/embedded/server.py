"""A server process that outlives the process that started it.

The process inherits an open, locked file, and the kernel holds that lock as long as any process of
the server lives. So "does it run?" has a true answer after every crash, where a pid in a file may
by now belong to a stranger. The methods here expect the caller to hold the start lock of
``lifetime``, except those that only look.
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

_START_SECONDS = 120  # the recovery after a crash can take its time
_KILL_SECONDS = 10
_LOG_BYTES = 5_000_000


class Server(ABC):
    """One embedded server of one data folder."""

    name: ClassVar[str]
    variable: ClassVar[str]
    """The environment variable that names another server instead of this one."""
    stop_signals: ClassVar[Sequence[tuple[signal.Signals, float]]]
    """What to send, and how many seconds each has, before SIGKILL."""

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
        """Make the data folder fit to start on, and return the command to run."""

    @abstractmethod
    def ready(self) -> bool:
        """Whether the server answers now."""

    @abstractmethod
    def owns(self, command: str) -> bool:
        """Whether this is the command line of this server, in this data folder."""

    def start(self) -> None:
        """Return when the server answers: at once where it runs already."""
        if self.alive() and self._settled():
            return
        self.stop()
        for folder in (self.places.data, self.places.home, self.places.log, self.places.sockets):
            make_private(folder)
        self._spawn(self.prepare())
        if not self._settled():
            raise EmbeddedError(f"{self.name} did not start. {self.log} ends with:\n{self._tail()}")

    def stop(self) -> None:
        """Return when no process of the server is left."""
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
        """The server's main process, if it is alive and can be seen from here."""
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
                start_new_session=True,  # a terminal's Ctrl-C is for our users, not for servers
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
