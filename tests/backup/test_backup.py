"""Backups by pgBackRest can be restored to any moment; what cannot be restored is told.

`make test-backup` runs this, with Debian's pgbackrest and postgresql.
"""

import json
import shutil
from collections.abc import Iterator

import pytest

from tests.backup.cluster import Cluster, postgres_binaries

_BINARIES = postgres_binaries()
pytestmark = pytest.mark.skipif(
    _BINARIES is None or not shutil.which("pgbackrest"),
    reason="Debian's pgbackrest and postgresql are not installed",
)
_NOW = "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || '+00'"
_RECEIPTS = "SELECT count(*) FROM tokens_usagerecord"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    assert _BINARIES
    made = Cluster(tmp_path_factory.mktemp("backup"), _BINARIES)
    yield made
    made.stop()


def recorded(cluster: Cluster, name: str) -> tuple[bool, str]:
    where = f"FROM core_operation WHERE name = '{name}'"
    succeeded = cluster.value(f"SELECT succeeded {where}")
    return succeeded == "True", cluster.value(f"SELECT detail {where}")


def archive(cluster: Cluster) -> None:
    """Have everything so far archived."""
    cluster.execute("SELECT pg_switch_wal()")
    cluster.run("pgbackrest", "--stanza=tokengate", "check")


def test_a_backup_is_made_and_recorded(cluster: Cluster) -> None:
    cluster.spend(20)

    made = cluster.script("backup", "full")

    assert made.returncode == 0, made.stdout + made.stderr
    assert recorded(cluster, "backup") == (True, "A full backup was made.")


def test_a_lost_table_is_restored_to_the_moment_before(cluster: Cluster) -> None:
    cluster.spend(30)
    before, receipts = cluster.value(_NOW), cluster.value(_RECEIPTS)
    assert receipts == "50"
    cluster.execute("TRUNCATE tokens_usagerecord CASCADE")
    assert cluster.value(_RECEIPTS) == "0"
    archive(cluster)

    verified = cluster.script("verify", before)

    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert f"Restored to {before}: 50 receipts" in verified.stdout
    assert "The ledger is consistent" in verified.stdout
    assert recorded(cluster, "backup-verify")[0]
    assert not (cluster.folder / "verify").exists()


def test_what_is_restored_is_checked(cluster: Cluster) -> None:
    """After the table was lost, receipts and entries do not agree: a restore tells."""
    cluster.spend(1)
    after = cluster.value(_NOW)
    cluster.spend(1)
    archive(cluster)

    verified = cluster.script("verify", after)

    assert verified.returncode == 1
    succeeded, detail = recorded(cluster, "backup-verify")
    assert not succeeded
    assert "verify_ledger found discrepancies" in detail


def test_nothing_can_be_read_without_the_passphrase(cluster: Cluster) -> None:
    email = cluster.value("SELECT email FROM accounts_user LIMIT 1")
    files = [file for file in cluster.repository.rglob("*") if file.is_file()]
    assert files
    assert [file for file in files if email.encode() in file.read_bytes()] == []

    refused = cluster.script("verify", PGBACKREST_REPO1_CIPHER_PASS="another")

    assert refused.returncode == 1
    succeeded, detail = recorded(cluster, "backup-verify")
    assert not succeeded
    assert detail.startswith("Restoring failed")


def test_a_backup_that_fails_is_recorded_with_its_reason(cluster: Cluster) -> None:
    failed = cluster.script("backup", "diff", PGBACKREST_REPO1_CIPHER_PASS="another")

    assert failed.returncode == 1
    succeeded, detail = recorded(cluster, "backup")
    assert not succeeded
    assert "ERROR" in detail


def test_differences_follow_a_full_backup_and_old_ones_expire(cluster: Cluster) -> None:
    assert cluster.script("backup", "diff").returncode == 0
    for _ in range(2):
        assert cluster.script("backup", "full").returncode == 0
    info = json.loads(cluster.run("pgbackrest", "--stanza=tokengate", "--output=json", "info"))
    kinds = [backup["type"] for backup in info[0]["backup"]]
    assert kinds == ["full", "diff", "full", "full"]

    # By time, nothing is old enough: by number, the first two are.
    cluster.run(
        "pgbackrest", "--stanza=tokengate", "--repo1-retention-full-type=count",
        "--repo1-retention-full=2", "expire",
    )  # fmt: skip
    info = json.loads(cluster.run("pgbackrest", "--stanza=tokengate", "--output=json", "info"))
    assert [backup["type"] for backup in info[0]["backup"]] == ["full", "full"]


def test_a_verification_cleans_up_after_one_that_was_killed(cluster: Cluster) -> None:
    left = cluster.folder / "verify" / "data"
    left.mkdir(parents=True)
    (left / "half").write_text("restored")
    cluster.execute(
        "TRUNCATE tokens_entry, tokens_balance, tokens_grant, tokens_reservation CASCADE"
    )
    cluster.execute("TRUNCATE tokens_usagerecord CASCADE")
    cluster.spend(5)
    moment = cluster.value(_NOW)
    cluster.spend(1)
    archive(cluster)

    verified = cluster.script("verify", moment)

    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert not left.exists()


def test_a_moment_before_every_backup_cannot_be_restored(cluster: Cluster) -> None:
    refused = cluster.script("verify", "2020-01-01 00:00:00+00")

    assert refused.returncode == 1
    succeeded, detail = recorded(cluster, "backup-verify")
    assert not succeeded
    assert "unable to find backup set" in detail
    assert not (cluster.folder / "verify").exists()
