"""Processes under one roof, with small stand-ins for the real ones."""

import contextlib
import fcntl
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from devserver.embedded.processes import command_line, wait_until
from tests.embedded.conftest import ROOT, environment

# Starts the programs of its first argument, a JSON object, in their order.
_FAMILY = """
import asyncio, json, os, sys
from devserver.supervisor.console import Console
from devserver.supervisor.errors import StartError
from devserver.supervisor.family import Family

async def main():
    family = Family(Console())
    async def boot():
        for name, program in json.loads(sys.argv[1]).items():
            await family.add(name, [sys.executable, "-uc", program], environment=os.environ)
        if len(sys.argv) > 2:
            raise StartError(sys.argv[2])
    return await family.live(boot)

sys.exit(asyncio.run(main()))
"""
_WAIT = "import signal; signal.pause()"
_SAY_PID = "import os, signal; print(os.getpid()); "
_POLITE = """
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(print("bye")))
print("hello")
signal.pause()
"""
_STUBBORN = """
import signal
signal.signal(signal.SIGTERM, lambda *_: print("never"))
print("hello")
while True: signal.pause()
"""

Run = subprocess.Popen[str]


@contextmanager
def family(programs: dict[str, str], *arguments: str) -> Iterator[Run]:
    command = [sys.executable, "-c", _FAMILY, json.dumps(programs), *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=120)


def read_until(process: Run, *patterns: str) -> list[str]:
    """Read lines until each pattern has been seen."""
    assert process.stdout
    lines: list[str] = []
    missing = set(patterns)
    while missing:
        line = process.stdout.readline()
        assert line, f"ended without {missing}: {lines}"
        lines.append(line.rstrip("\n"))
        missing -= {pattern for pattern in missing if re.search(pattern, line)}
    return lines


def the_rest(process: Run) -> list[str]:
    assert process.stdout
    return process.stdout.read().splitlines()


def is_gone(pid: int) -> bool:
    return wait_until(lambda: "signal" not in command_line(pid), seconds=120)


def test_each_line_says_whose_it_is() -> None:
    with family({"web": "print('one\\ntwo')\n" + _WAIT, "worker": _POLITE}) as process:
        lines = read_until(process, "two", "hello")
    assert sorted(lines) == ["web      | one", "web      | two", "worker   | hello"]


def test_long_unfinished_and_broken_lines_come_through() -> None:
    program = r"""
import sys, signal
sys.stdout.buffer.write(b"x" * 200_000 + b"\n\xff\nno newline"); sys.stdout.flush()
"""
    with family({"web": program}) as process:
        lines = read_until(process, "x{200000}$", "\ufffd", "no newline$")
    assert lines == [f"web      | {text}" for text in ("x" * 200_000, "\ufffd", "no newline")]


def test_colours_are_for_terminals() -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", _FAMILY, json.dumps({"web": "print('hello')"})]
    variables = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    done = subprocess.run(command, cwd=ROOT, stdout=theirs, env=variables, timeout=120)
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # so a terminal ends
        while chunk := os.read(ours, 1000):
            shown += chunk
    os.close(ours)
    assert done.returncode == 1
    assert b"\x1b[32mweb      |\x1b[0m hello" in shown


@pytest.mark.parametrize(
    ("end", "how"),
    [
        ("raise SystemExit(3)", "exited with code 3"),
        ("import os; os.kill(os.getpid(), 9)", "was killed by SIGKILL"),
    ],
)
def test_when_one_falls_all_end(tmp_path: Path, end: str, how: str) -> None:
    up = tmp_path / "up"
    web = _SAY_PID + f"open({str(up)!r}, 'w'); signal.pause()"
    worker = f"import os, time\nwhile not os.path.exists({str(up)!r}): time.sleep(0.01)\n{end}"
    with family({"web": web, "worker": worker}) as process:
        lines = read_until(process, f"worker {how}: stopping everything", r"web .*\d")
        assert process.wait(timeout=120) == 1
    pid = next(line.split("| ")[1] for line in lines if line.startswith("web"))
    assert is_gone(int(pid))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_asked_to_stop_they_end_in_reverse_order(number: int) -> None:
    with family(dict.fromkeys(("upstream", "web", "worker"), _POLITE)) as process:
        read_until(process, "upstream .*hello", "web .*hello", "worker .*hello")
        process.send_signal(number)
        lines = the_rest(process)
        assert process.wait(timeout=120) == 0
    farewells = [line for line in lines if line.endswith("bye")]
    assert farewells == ["worker   | bye", "web      | bye", "upstream | bye"]


def test_asked_twice_nobody_is_waited_for() -> None:
    with family({"web": _STUBBORN}) as process:
        read_until(process, "hello")
        process.send_signal(signal.SIGINT)
        read_until(process, "never")
        process.send_signal(signal.SIGINT)
        assert not [line for line in the_rest(process) if "did not stop" in line]
        assert process.wait(timeout=120) == 0


def test_when_nobody_reads_any_more_they_end() -> None:
    chatter = "import time\nwhile True: print('hello'); time.sleep(0.01)"
    with family({"web": chatter}) as process:
        read_until(process, "hello")
        assert process.stdout
        process.stdout.close()
        process.stdout = None
        assert process.wait(timeout=120) == 0


def test_descendants_end_too() -> None:
    program = f"""
import subprocess, sys
stubborn = {_SAY_PID + "signal.signal(15, signal.SIG_IGN); print('up'); signal.pause()"!r}
subprocess.run([sys.executable, "-uc", stubborn])
"""
    with family({"worker": program}) as process:
        lines = read_until(process, "up")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=120) == 0
    assert is_gone(int(lines[0].split("| ")[1]))


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's doing")
def test_a_killed_supervisor_leaves_nobody_behind() -> None:
    with family({"web": _SAY_PID + "signal.pause()"}) as process:
        lines = read_until(process, r"\d")
        process.kill()
        process.wait()
        assert is_gone(int(lines[0].split("| ")[1]))


def test_a_refused_start_says_why_and_ends_what_ran() -> None:
    with family({"web": _WAIT}, "no way") as process:
        assert the_rest(process) == ["run      | no way"]
        assert process.wait(timeout=120) == 1


def make_run(data: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "devserver.supervisor"]
    return subprocess.run(
        command,
        cwd=ROOT,
        env=environment(data) | variables,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_a_port_in_use_is_refused_before_anything_starts(empty: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = make_run(empty, PORT=str(port), HOST="127.0.0.1")
    assert done.returncode == 1
    assert re.fullmatch(
        rf"Port {port} is in use\. Try another one: PORT=\d+ make run\n", done.stderr
    )
    assert not (empty / "postgres").exists()


@pytest.mark.parametrize("port", ["web", "0", "65536", "-1"])
def test_a_port_that_is_none_is_refused(empty: Path, port: str) -> None:
    assert "must be a number from 1 to 65535" in make_run(empty, PORT=port).stderr


def test_one_checkout_runs_once(empty: Path) -> None:
    with (empty / "run.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("123")
        lock.flush()
        done = make_run(empty)
    assert done.returncode == 1
    assert done.stderr == "`make run` is already running in this checkout (pid 123).\n"
