"""A home and a folder of work for each agent."""

from pathlib import Path

import pytest

from tests.clients.agents.running import Place
from tests.clients.recorder import Recorder
from tests.developer import MODEL, Developer


@pytest.fixture
def place(dev: Developer, recorder: Recorder, tmp_path: Path) -> Place:
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    return Place(home, work, recorder.url, dev.key, MODEL)
