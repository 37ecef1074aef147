"""Running, inspecting and waiting for other processes."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from devserver.embedded.errors import EmbeddedError


def bare_environment() -> dict[str, str]:
    """The part of our environment that a server needs, without secrets and PG* variables."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def output_of(command: list[str], *, stdin: str = "") -> str:
    """Run a command in the minimal environment. Raises EmbeddedError if it fails."""
    done = subprocess.run(  # nosec B603  # noqa: S603 - every command is ours
        command, input=stdin, capture_output=True, text=True, env=bare_environment(), check=False
    )
    if done.returncode != 0:
        raise EmbeddedError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def command_line(pid: int) -> str:
    """The command line of a process, empty if it does not exist."""
    if Path("/proc/self").exists():
        try:
            return os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" "))
        except OSError:
            return ""
    try:
        return output_of(["/bin/ps", "-ww", "-o", "args=", "-p", str(pid)])
    except EmbeddedError:
        return ""


def wait_until(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Poll until the condition is true; False if the time is over."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True
