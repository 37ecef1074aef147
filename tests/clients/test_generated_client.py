"""A Python client that is generated from the OpenAPI document works."""

import os
import subprocess

from tests.clients.playing import DRIVERS, PYTHON
from tests.developer import Make
from tests.webserver import WebServer


def test_a_generated_python_client_reads_the_balance(developer: Make, product: WebServer) -> None:
    dev = developer(1_000, server=product)
    env = {"PATH": os.environ["PATH"], "ROOT_URL": product.url, "KEY": dev.key, "NO_PROXY": "*"}

    ran = subprocess.run(
        [str(PYTHON), "generated_python.py"],
        cwd=DRIVERS,
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
    )

    assert ran.returncode == 0, f"{ran.stdout[-2000:]}\n{ran.stderr[-2000:]}"
