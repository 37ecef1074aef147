"""Whatever was killed, and whatever it left behind: the next start works."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import redis

from devserver.embedded.places import Places
from devserver.embedded.postgres import Postgres
from devserver.embedded.processes import wait_until
from devserver.embedded.valkey import Valkey
from tests.embedded.conftest import User, embedded
from tests.embedded.running import pids

Join = Callable[..., User]


def kill_servers(data: Path) -> None:
    for server in (Postgres(Places("run", data)), Valkey(Places("run", data))):
        pid = server.pid()
        assert pid
        os.kill(pid, signal.SIGKILL)
        assert wait_until(server.gone, seconds=120)


def crash(join: Join, data: Path) -> None:
    """Kill a user, then the servers: what a power cut leaves, lock files and all."""
    user = join()
    urls = user.joined()
    with psycopg.connect(urls["DATABASE_URL"]) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (id int)")
    user.process.kill()
    user.process.wait()
    kill_servers(data)
    assert (data / "postgres" / "postmaster.pid").exists()
    assert (data / "sockets" / "valkey.sock").exists()


def works(urls: dict[str, str]) -> bool:
    with psycopg.connect(urls["DATABASE_URL"]) as connection:
        connection.execute("SELECT id FROM kept")
    with redis.from_url(urls["REDIS_URL"]) as client:
        return bool(client.ping())


def test_a_start_after_killed_servers(join: Join, data: Path) -> None:
    crash(join, data)
    assert works(join().joined())


def test_a_start_after_a_crash_whose_pids_live_again_as_strangers(join: Join, data: Path) -> None:
    crash(join, data)
    pid_file = data / "postgres" / "postmaster.pid"
    lines = pid_file.read_text().split("\n")
    stranger = str(os.getpid())
    pid_file.write_text("\n".join([stranger, *lines[1:]]))
    lock = data / "sockets" / ".s.PGSQL.5432.lock"
    lock.write_text("\n".join([stranger, *lock.read_text().split("\n")[1:]]))
    for name in ("postgres", "valkey"):
        (data / f"{name}.life").write_text(stranger)
    assert pids(data) == [None, None]
    assert works(join().joined())


def test_servers_of_a_killed_user_are_found_by_the_next_one(join: Join, data: Path) -> None:
    killed = join()
    killed.joined()
    running = pids(data)
    killed.process.kill()
    killed.process.wait()
    assert pids(data) == running
    heir = join()
    heir.joined()
    assert pids(data) == running
    heir.leave()
    assert pids(data) == [None, None]


def test_servers_killed_under_their_user_are_started_for_the_next_one(
    join: Join, data: Path
) -> None:
    first = join()
    first.joined()
    kill_servers(data)
    second = join()
    second.joined()
    assert all(pids(data))
    second.leave()
    assert all(pids(data))
    first.leave()
    assert pids(data) == [None, None]


def test_a_start_killed_while_it_creates_the_cluster(join: Join, empty: Path) -> None:
    user = join(at=empty)
    assert wait_until(lambda: any(empty.glob("postgres.new.*/PG_VERSION")), seconds=120)
    user.process.kill()
    user.process.wait()
    after = join(at=empty)
    with psycopg.connect(after.joined()["DATABASE_URL"]) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    after.leave()

    def is_clean_after_a_start() -> bool:
        started = embedded(empty, "--", "true")
        return started.returncode == 0 and not any(empty.glob("postgres.new.*"))

    # An initdb that outlived its starter may write for a moment more.
    assert wait_until(is_clean_after_a_start, seconds=120)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_reaches_the_command_and_the_servers_stop(data: Path, number: int) -> None:
    script = f"trap 'exit 9' {number}; kill -{number} $PPID; while :; do sleep 0.05; done"
    assert embedded(data, "--", "sh", "-c", script).returncode == 9
    assert pids(data) == [None, None]


def test_a_cluster_of_another_version_is_refused(join: Join, data: Path) -> None:
    version = data / "postgres" / "PG_VERSION"
    ours = version.read_text()
    version.write_text("12\n")
    refusal = join().refusal()
    version.write_text(ours)
    assert "was made by PostgreSQL 12, and PostgreSQL" in refusal
    assert pids(data) == [None, None]


def test_the_cluster_of_the_tests_is_made_anew_instead(data: Path) -> None:
    folder = data / "test" / "postgres"
    assert embedded(data, "--profile", "test", "--", "true").returncode == 0
    made = (folder / "PG_VERSION").read_text()
    (folder / "PG_VERSION").write_text("12\n")
    assert embedded(data, "--profile", "test", "--", "true").returncode == 0
    assert (folder / "PG_VERSION").read_text() == made
