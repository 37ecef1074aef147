"""The demo upstream as a process of its own, for tests.

with UpstreamProcess() as upstream:
    client = OpenAI(base_url=upstream.url, api_key="any")
    upstream.set_fault(model="openai/gpt-5", fault="status", status=503)
    upstream.journal(model="openai/gpt-5")
"""

import random
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

import httpx

_ROOT = Path(__file__).parents[3]
# Below the ephemeral ports, which outgoing connections take at any moment.
_PORTS = range(20_000, 32_768)
_PORT_TAKEN = 98
_ATTEMPTS = 20
_START_SECONDS = 30.0
_END_SECONDS = 5.0


class UpstreamProcess:
    """Start with ``with`` or ``start()``; stopped and started again, it keeps its port."""

    def __init__(self, *, pace: float = 0.0, port: int | None = None) -> None:
        self._pace = pace
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None
        self._http = httpx.Client(trust_env=False, timeout=30.0)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._http.close()

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        """The base URL for an OpenAI client."""
        return f"{self.root}/v1"

    @property
    def port(self) -> int:
        if self._port is None:
            raise RuntimeError("the demo upstream was never started")
        return self._port

    def start(self) -> None:
        """Start on the given port, the former one, or a free one below 32768."""
        known = [] if self._port is None else [self._port]
        for port in known or random.sample(_PORTS, _ATTEMPTS):
            if self._listens(port):
                self._port = port
                return
        raise RuntimeError("no free port for the demo upstream")

    def _listens(self, port: int) -> bool:
        command = [sys.executable, "-m", "tests.fakes.upstream", "--until-stdin-closes"]
        command += ["--port", str(port), "--pace", str(self._pace)]
        self._process = subprocess.Popen(
            command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        if self._first_line().startswith(b"listening on "):
            return True
        if self._end() != _PORT_TAKEN:
            raise RuntimeError("the demo upstream did not start")
        return False

    def _first_line(self) -> bytes:
        process = self._running()
        assert process.stdout is not None
        deadline = time.monotonic() + _START_SECONDS
        ready, _, _ = select.select([process.stdout], [], [], deadline - time.monotonic())
        return process.stdout.readline() if ready else b""

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("the demo upstream is not running")
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

    def journal(self, **filters: str | int) -> list[dict[str, Any]]:
        """The requests so far; narrowed by model, user, outcome, path, last."""
        requests: list[dict[str, Any]] = self._control("GET", "journal", params=filters)["requests"]
        return requests

    def totals(self) -> dict[str, int]:
        totals: dict[str, int] = self._control("GET", "totals")
        return totals

    def set_fault(self, **fields: Any) -> None:
        """Steer every request of ``model`` (or of all) by a directive's keys, until cleared."""
        self._control("POST", "faults", json=fields)

    def clear(self) -> None:
        """Forget faults and journal."""
        self._control("DELETE", "faults")
        self._control("DELETE", "journal")

    def _control(self, method: str, door: str, **options: Any) -> Any:
        response = self._http.request(method, f"{self.root}/_control/{door}", **options)
        response.raise_for_status()
        return response.json()
