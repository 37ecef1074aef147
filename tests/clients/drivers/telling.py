"""What the Python drivers share: whom they ask, and how an outcome is told."""

import json
import os
import sys
from collections.abc import Callable
from typing import Any

MODEL, ROOT, KEY = os.environ["MODEL"], os.environ["ROOT_URL"], os.environ["KEY"]
SAY = "Say something. [[n=25]]"
READ = "Read the file a.py. [[tool=read_file]]"
Scenario = Callable[[], dict[str, Any]]


def play(scenarios: dict[str, Scenario]) -> None:
    """Run them one after the other; each returns what its client has seen."""
    for name, scenario in scenarios.items():
        try:
            seen = scenario()
        except Exception as error:  # noqa: BLE001 - the test tells it
            seen = {"failed": repr(error)}
        sys.stdout.write(json.dumps({"scenario": name, **seen}) + "\n")
