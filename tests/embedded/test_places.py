"""Data folders that a socket path or a URL could not hold, and those of somebody else."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import redis

from devserver.embedded.places import Places
from tests.embedded.conftest import ROOT, User, embedded
from tests.embedded.running import pids

Join = Callable[..., User]
NOBODY = 65534

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


@pytest.mark.parametrize("name", ["deep/" * 30, "a space, a comma", "100 % Öl?"])
def test_any_folder_will_do(join: Join, empty: Path, name: str) -> None:
    folder = empty / name
    user = join(at=folder)
    urls = user.joined()
    with psycopg.connect(urls["DATABASE_URL"]) as connection:
        found = connection.execute("SHOW data_directory").fetchone()
    assert found == (str(folder / "postgres"),)
    with redis.from_url(urls["REDIS_URL"]) as client:
        assert client.config_get("dir") == {"dir": str(folder / "valkey")}
    sockets = Places("run", folder).sockets
    assert sockets.parent == Path("/tmp")
    assert sockets.stat().st_mode & 0o777 == 0o700
    user.leave()
    assert pids(folder) == [None, None]


def test_two_folders_have_sockets_of_their_own() -> None:
    deep = Path("/deep" * 30)
    assert Places("run", deep / "a").sockets != Places("run", deep / "b").sockets
    assert Places("run", deep).sockets != Places("test", deep).sockets


@as_root
def test_an_ordinary_user_can_have_them_too(join: Join, empty: Path) -> None:
    if not all(folder.stat().st_mode & 0o001 for folder in (ROOT, *ROOT.parents)):
        pytest.skip("the checkout is in a folder that only root can enter")
    shutil.chown(empty, NOBODY, NOBODY)
    user = join(str(NOBODY), at=empty)
    urls = user.joined()
    with psycopg.connect(urls["DATABASE_URL"]) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert (empty / "postgres").stat().st_uid == NOBODY
    user.leave()
    shutil.chown(empty, 0, 0)


@as_root
def test_a_folder_of_somebody_else_is_refused(empty: Path) -> None:
    shutil.chown(empty, NOBODY, NOBODY)
    done = embedded(empty, "--", "true")
    assert done.returncode == 1
    assert done.stderr.startswith(f"{empty} belongs to user id {NOBODY}, and this is user id 0.")


@as_root
def test_where_root_cannot_have_another_name_it_says_what_to_do(empty: Path) -> None:
    no_unshare = empty / "bin"
    no_unshare.mkdir()
    (no_unshare / "unshare").write_text("#!/bin/sh\nexit 1\n")
    (no_unshare / "unshare").chmod(0o755)
    done = embedded(empty, "--", "true", PATH=f"{no_unshare}:{os.environ['PATH']}")
    assert done.returncode == 1
    assert "Run as an ordinary user, or set DATABASE_URL" in done.stderr
