"""A home and a folder of work for each agent."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.agents.running import Place
from tests.clients.recorder import Recorder
from tests.developer import MODEL, Developer


@pytest.fixture
def place(dev: Developer, recorder: Recorder, tmp_path: Path) -> Iterator[Place]:
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    yield Place(home, work, recorder.url, dev.key, MODEL)
    _end_what_lives_in(home)


def _end_what_lives_in(home: Path) -> None:
    """End the daemons that agents leave behind: processes with this home (on Linux)."""
    own = f"HOME={home}".encode()
    for environment in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if own in environment.read_bytes().split(b"\0"):
                os.kill(int(environment.parent.name), signal.SIGKILL)
