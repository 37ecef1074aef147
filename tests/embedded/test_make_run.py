"""What a newcomer does: `make run`, paste what it prints, Ctrl-C, and once more."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

import pytest

from devserver.supervisor.plan import PROVIDERS
from devserver.supervisor.probes import first_free, is_free
from tests.embedded.conftest import ROOT, embedded, environment

_START_SECONDS = 300
_STOP_SECONDS = 120

needs_curl = pytest.mark.skipif(not shutil.which("curl"), reason="the banner says curl")


@contextmanager
def make_run(data: Path, port: int) -> Iterator[str]:
    """Run the supervisor, yield what it has printed when all is up, and end it by Ctrl-C."""
    unset = dict.fromkeys((*PROVIDERS, "STRIPE_SECRET_KEY"), "")
    variables = unset | {"PORT": str(port), "DEBUG": "true"}
    process = subprocess.Popen(
        [sys.executable, "-m", "devserver.supervisor"],
        cwd=ROOT,
        env=environment(data) | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    too_late = Timer(_START_SECONDS, process.terminate)
    too_late.start()
    try:
        yield _read_banner(process)
    finally:
        too_late.cancel()
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=_STOP_SECONDS)
    assert process.returncode == 0, rest


def _read_banner(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    printed = ""
    for line in process.stdout:
        printed += line
        if "Ctrl-C stops everything" in line:
            return printed
    raise AssertionError(printed)


def paste(banner: str, after: str) -> str:
    """Run the command that stands below a heading, as it stands there."""
    found = re.search(rf"{after}:\n\n(.+?)\n\n", banner, re.DOTALL)
    assert found, banner
    command = ["bash", "-c", found.group(1)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


def manage(data: Path, command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", command],
        cwd=ROOT,
        env=environment(data),
        capture_output=True,
        text=True,
        timeout=120,
    )


@needs_curl
def test_make_run_starts_the_site_and_starts_it_again(empty: Path) -> None:
    port = first_free("127.0.0.1", range(20_000 + os.getpid() % 2_000, 22_000))
    assert port
    with make_run(empty, port) as banner:
        answer = paste(banner, "Stream a completion")
        first = json.loads(paste(banner, "See what it cost"))
        verdict = manage(empty, "verify_ledger")
        models, stripe = manage(empty, "sync_models"), manage(empty, "sync_stripe")
    assert answer.count("data: {") > 2
    assert answer.rstrip().endswith("data: [DONE]")
    assert 0 < first["used"] == first["allocated"] - first["available"]
    assert verdict.returncode == 0
    assert re.fullmatch(r"demo: \d+ models\n", models.stdout), models
    assert stripe.stdout.endswith("changes\n"), stripe
    assert "Payments are not available" in manage(empty, "sync_stripe").stderr

    assert embedded(empty, "--status").stdout.count("stopped") == 2
    assert is_free("127.0.0.1", port)

    with make_run(empty, port) as again:
        second = json.loads(paste(again, "See what it cost"))
    assert second["used"] == first["used"]
    key = re.compile(r"Demo API key +(\S+)")
    assert key.findall(again) == key.findall(banner)
