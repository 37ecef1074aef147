"""ClickHouse's engine behind its HTTP interface, as a process of its own."""

from pathlib import Path

from tests.fakes.process import FakeProcess
from tests.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]


class ClickHouse(FakeProcess):
    """A server whose tables are in a folder, and outlive it."""

    name = "ClickHouse"
    module = "tests.analytics.server"
    controls = "_control"
    python = str(ROOT / ".analytics/bin/python")

    def __init__(self, folder: Path) -> None:
        super().__init__(options=("--folder", str(folder)))

    @property
    def url(self) -> str:
        return f"{self.root}/default?compress=gzip"

    def set_fault(self, fault: str, *, times: int = 1) -> None:
        """Have the next inserts of receipts fail, in a way of ``tests/analytics/server.py``."""
        self._control("POST", "faults", json={"fault": fault, "times": times})

    @property
    def held(self) -> int:
        """How many inserts are held."""
        return int(self._control("GET", "held"))

    def release(self) -> None:
        """Have the inserts that are held stored; their callers wait until they are."""
        self._control("POST", "release")
        wait_for(lambda: not self.held)
