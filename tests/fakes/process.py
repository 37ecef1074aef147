"""A fake of the outside world as a process of its own, for tests."""

import select
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar, Self

import httpx

from tests.ports import free_port

_ROOT = Path(__file__).parents[2]
_PORT_TAKEN = 98
_ATTEMPTS = 20
_START_SECONDS = 120.0
_END_SECONDS = 60.0


class FakeProcess:
    """Start with ``with`` or ``start()``; stopped and started again, it keeps its port.

    ``module`` says when it listens, and ends with its parent, or by ``_PORT_TAKEN``; tests steer it
    below ``controls``.
    """

    name: ClassVar[str]
    module: ClassVar[str]
    controls: ClassVar[str]
    python: ClassVar[str] = sys.executable
    patience: ClassVar[float] = 120.0

    def __init__(self, *, options: tuple[str, ...] = (), port: int | None = None) -> None:
        self._options = options
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None
        self._http = httpx.Client(trust_env=False, timeout=self.patience)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._http.close()

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def port(self) -> int:
        if self._port is None:
            raise RuntimeError(f"the {self.name} was never started")
        return self._port

    def start(self) -> None:
        """Start on the given port, the former one, or a free one below 32768."""
        known = [] if self._port is None else [self._port]
        for port in known or [free_port() for _ in range(_ATTEMPTS)]:
            if self._listens(port):
                self._port = port
                return
        raise RuntimeError(f"no free port for the {self.name}")

    def _listens(self, port: int) -> bool:
        command = [self.python, "-m", self.module, "--until-stdin-closes", "--port", str(port)]
        self._process = subprocess.Popen(
            [*command, *self._options], cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        if self._first_line().startswith(b"listening on "):
            return True
        if self._end() != _PORT_TAKEN:
            raise RuntimeError(f"the {self.name} did not start")
        return False

    def _first_line(self) -> bytes:
        process = self._running()
        assert process.stdout is not None
        ready, _, _ = select.select([process.stdout], [], [], _START_SECONDS)
        return process.stdout.readline() if ready else b""

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError(f"the {self.name} is not running")
        return self._process

    def stop(self) -> None:
        """End it as a supervisor would, by SIGTERM."""
        if self._process is not None:
            self._process.terminate()
            self._end()

    def kill(self) -> None:
        """End it as a crash would, by SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._end()

    def _end(self) -> int:
        process, self._process = self._running(), None
        try:
            return process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()
        finally:
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()

    def _control(self, method: str, endpoint: str, **options: Any) -> Any:
        response = self._http.request(method, f"{self.root}/{self.controls}/{endpoint}", **options)
        response.raise_for_status()
        return response.json()
