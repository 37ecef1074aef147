"""The first user starts the servers, everybody shares them, the last one stops them."""

import os
from collections.abc import Callable
from pathlib import Path

import psycopg
import redis

from tests.embedded.conftest import User, embedded
from tests.embedded.running import pids

Join = Callable[..., User]


def test_the_servers_run_until_the_only_user_leaves(join: Join, empty: Path) -> None:
    user = join(at=empty)
    urls = user.joined()
    with psycopg.connect(urls["DATABASE_URL"]) as connection:
        encoding = connection.execute("SHOW server_encoding").fetchone()
        collation = connection.execute("SELECT 'a' > 'B'").fetchone()
    assert (encoding, collation) == (("UTF8",), (True,))
    with redis.from_url(urls["REDIS_URL"]) as client:
        assert client.config_get("appendonly") == {"appendonly": "yes"}
    assert all(pids(empty))
    user.leave()
    assert pids(empty) == [None, None]


def test_what_was_written_is_there_the_next_time(join: Join) -> None:
    first = join()
    urls = first.joined()
    with psycopg.connect(urls["DATABASE_URL"]) as connection:
        connection.execute("CREATE TABLE kept_on_purpose (id int)")
    with redis.from_url(urls["REDIS_URL"]) as client:
        client.set("kept", "yes")
    first.leave()
    join().joined()
    with psycopg.connect(urls["DATABASE_URL"]) as connection:
        connection.execute("SELECT id FROM kept_on_purpose")
    with redis.from_url(urls["REDIS_URL"]) as client:
        assert client.get("kept") == b"yes"


def test_only_the_last_user_stops_them(join: Join, data: Path) -> None:
    first, second = join(), join()
    first.joined()
    second.joined()
    running = pids(data)
    first.leave()
    assert pids(data) == running
    second.leave()
    assert pids(data) == [None, None]


def test_many_starters_at_once_share_one_pair_of_servers(join: Join, data: Path) -> None:
    log = data / "log" / "postgres.log"
    before = log.stat().st_size
    users = [join() for _ in range(6)]
    for user in users:
        user.joined()
    assert all(pids(data))
    assert log.read_bytes()[before:].count(b"starting PostgreSQL") == 1
    for user in users:
        assert user.process.stdin
        user.process.stdin.close()
        user.process.stdin = None
    for user in users:
        user.leave()
    assert pids(data) == [None, None]


def test_only_what_no_variable_names_is_started(join: Join, data: Path) -> None:
    user = join(DATABASE_URL="postgresql://elsewhere/db")
    assert list(user.joined()) == ["REDIS_URL", "EMBEDDED_SERVERS"]
    postgres, valkey = pids(data)
    assert postgres is None
    assert valkey


def test_with_both_variables_nothing_happens(join: Join, empty: Path) -> None:
    user = join(at=empty, DATABASE_URL="postgresql://elsewhere/db", REDIS_URL="redis://elsewhere")
    assert user.joined() == {}
    assert list(empty.iterdir()) == []


def test_the_command_runs_with_both_urls_and_exits_as_it_does(data: Path) -> None:
    done = embedded(data, "--", "sh", "-c", "echo $DATABASE_URL $REDIS_URL; exit 7")
    assert done.returncode == 7
    assert done.stdout.split() == [
        f"postgresql://tokengate@/tokengate?host={data}/sockets",
        f"unix://{data}/sockets/valkey.sock?db=0",
    ]
    assert pids(data) == [None, None]


def test_status_and_stop(join: Join, data: Path) -> None:
    assert embedded(data, "--status").returncode == 3
    join().joined()
    status = embedded(data, "--status")
    assert status.returncode == 0
    assert status.stdout.count("running (pid") == 2
    assert embedded(data, "--stop").returncode == 0
    assert pids(data) == [None, None]


def test_nobody_else_can_enter_the_data_folder(join: Join, data: Path) -> None:
    data.chmod(0o755)
    join().joined()
    for folder in (data, data / "postgres", data / "valkey", data / "sockets", data / "log"):
        assert folder.stat().st_mode & 0o077 == 0, folder
        assert folder.stat().st_uid == os.geteuid()
