"""Keeps the account in a file between two runs, if one is configured."""

import json
import os
from pathlib import Path
from typing import Any

from devserver.stripe.world import World


class Snapshot:
    def __init__(self, world: World, path: Path | None) -> None:
        self._world = world
        self._path = path

    def read(self) -> None:
        if self._path is None or not self._path.exists():
            return
        saved: dict[str, Any] = json.loads(self._path.read_text())
        self._world.clock.offset = saved["offset"]
        self._world.store.load(saved)

    def write(self) -> None:
        """Write changes atomically: the file has the old state or the new one."""
        if self._path is None or not self._world.store.changed:
            return
        self._world.store.changed = False
        state = {**self._world.store.dump(), "offset": self._world.clock.offset}
        draft = self._path.with_name(f"{self._path.name}.{os.getpid()}.tmp")
        draft.write_text(json.dumps(state))
        draft.replace(self._path)
