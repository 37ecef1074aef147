"""Running a coding agent as its user does, in a home and a folder of its own."""

import contextlib
import os
import platform
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.clients.playing import NODE
from tests.webserver import ROOT

MODULES = Path(__file__).parent / "node_modules"
AIDER_BIN = ROOT / ".clients/aider/bin/aider"
WORDS = "twelve brave beetles"
TASK = f"Create the file hello.txt with the words “{WORDS}”, then tell me that it is done."
DONE = "All done: hello.txt holds the words."
SECONDS = 240


@dataclass(frozen=True)
class Place:
    """Where an agent runs: its home, its folder of work, and what it is pointed at."""

    home: Path
    work: Path
    url: str
    key: str
    model: str

    @property
    def hello(self) -> Path:
        return self.work / "hello.txt"


@dataclass(frozen=True)
class Agent:
    """A coding agent; it asks ``path``, and does the task if it is answered with ``steps``."""

    name: str
    path: str
    command: Callable[[Place, str], list[str]]
    environment: Callable[[Place], dict[str, str]]
    steps: Callable[[Place], list[dict[str, Any]]]
    model: str = ""  # for one that it knows
    before: Callable[[Place], list[str]] = field(default=lambda _: [])
    files: Callable[[Place], dict[str, str]] = field(default=lambda _: {})


@dataclass(frozen=True)
class Outcome:
    """What the human at the terminal sees, and the exit code."""

    code: int | None
    text: str


def node(script: str) -> list[str]:
    return [str(NODE), str(MODULES / script)]


def binary(package: str, path: str) -> list[str]:
    """The program in the package for this machine, of which npm installs the ones that fit."""
    machine = {"x86_64": "x64", "AMD64": "x64", "aarch64": "arm64"}.get(platform.machine())
    system = {"Linux": "linux", "Darwin": "darwin"}.get(platform.system())
    return [str(MODULES / f"{package}-{system}-{machine or platform.machine()}" / path)]


def start(agent: Agent, place: Place, task: str = TASK) -> "subprocess.Popen[str]":
    """Start the agent, with nothing of our own environment."""
    place = replace(place, model=agent.model or place.model)
    for name, text in agent.files(place).items():
        path = place.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    env = {
        "PATH": f"{NODE.parent}:{os.environ['PATH']}",
        "HOME": str(place.home),
        "TMPDIR": str(place.home),
        "NO_PROXY": "*",
        "NO_COLOR": "1",
        "TERM": "dumb",
        **agent.environment(place),
    }
    if before := agent.before(place):
        subprocess.run(before, cwd=place.work, env=env, check=True, timeout=SECONDS)
    return subprocess.Popen(
        agent.command(place, task),
        cwd=place.work,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=_as_at_a_terminal,
    )


def _as_at_a_terminal() -> None:
    """Let SIGINT end it: what a script started in the background has it ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def finish(process: "subprocess.Popen[str]", seconds: float = SECONDS) -> Outcome:
    """Wait for its end; after so many seconds it is ended, with the code None.

    Whatever it leaves running is ended, too.
    """
    try:
        text, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        _end(process)
        text, _ = process.communicate()
        return Outcome(None, text)
    _end(process)
    return Outcome(process.returncode, text)


def _end(process: "subprocess.Popen[str]") -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def run(agent: Agent, place: Place, task: str = TASK, seconds: float = SECONDS) -> Outcome:
    return finish(start(agent, place, task), seconds)
