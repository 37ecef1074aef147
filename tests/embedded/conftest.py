"""Data folders, and processes that use the servers in them."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devserver.embedded.places import Places

ROOT = Path(__file__).resolve().parents[2]

# Joins, tells the URLs, and leaves when its standard input ends.
_USER = """
import json, os, sys
from devserver import embedded
if len(sys.argv) > 1:
    os.setgroups([]); os.setgid(int(sys.argv[1])); os.setuid(int(sys.argv[1]))
with embedded.running() as urls:
    print(json.dumps(urls), flush=True)
    sys.stdin.read()
"""


class User:
    """A process that uses the servers of one data folder until it is told to leave."""

    def __init__(self, data: Path, *arguments: str, **variables: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _USER, *arguments],
            cwd=ROOT,
            env=environment(data) | variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def joined(self) -> dict[str, str]:
        """Wait until the servers are there, and return their URLs."""
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, self.process.communicate()[1]
        urls: dict[str, str] = json.loads(line)
        return urls

    def leave(self) -> None:
        _, errors = self.process.communicate(timeout=120)
        assert self.process.returncode == 0, errors

    def refusal(self) -> str:
        _, errors = self.process.communicate(timeout=120)
        assert self.process.returncode != 0
        return errors


def environment(data: Path) -> dict[str, str]:
    """Return our own environment less what the tests' own embedded servers put there."""
    unset = (
        *("DATABASE_URL", "REDIS_URL", "EMBEDDED_SERVERS"),
        *("DEBUG", "SECRET_KEY", "IDP_OIDC_PRIVATE_KEY"),
    )
    return {k: v for k, v in os.environ.items() if k not in unset} | {"DATA_DIR": str(data)}


def embedded(data: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run ``python -m devserver.embedded``."""
    return subprocess.run(
        [sys.executable, "-m", "devserver.embedded", *arguments],
        cwd=ROOT,
        env=environment(data) | variables,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture
def empty() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="tokengate-")).resolve()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def data() -> Iterator[Path]:
    """A folder that has been in use: creating a cluster takes longer than all else in a test."""
    folder = Path(tempfile.mkdtemp(prefix="tokengate-")).resolve()
    assert embedded(folder, "--", "true").returncode == 0
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def join(data: Path, empty: Path) -> Iterator[Callable[..., User]]:
    """Start a user of the servers in ``data`` or elsewhere; none outlives the test.

    It asks for ``empty`` so that this folder is removed only after its servers are gone.
    """
    users: list[tuple[User, Path]] = []

    def start(*arguments: str, at: Path = data, **variables: str) -> User:
        user = User(at, *arguments, **variables)
        users.append((user, at))
        return user

    yield start
    for user, at in users:
        user.process.kill()
        user.process.communicate()
        embedded(at, "--stop")
        if (sockets := Places("run", at).sockets).parent != at:
            shutil.rmtree(sockets, ignore_errors=True)
