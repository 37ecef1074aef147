"""What has run on other people's databases does not change: migrations and the SQL they install."""

from pathlib import Path

import pytest

from tests.upgrades import released
from tests.upgrades.released import ROOT, present, sources


def test_released_migrations_and_their_sql_are_unchanged() -> None:
    now = present()
    changed = [path for path, digest in released.released().items() if now.get(path) != digest]

    assert changed == [], "Released files never change: undo this, and add a new migration."


def test_every_released_migration_is_still_listed() -> None:
    """A line that is removed from the manifest would let its migration be edited."""
    listed = released.released()
    with_migrations = {"accounts", "apikeys", "billing", "llmproxy", "tokens"}

    assert {path.split("/")[0] for path in listed} >= with_migrations
    for path in listed:
        folder, name = path.rsplit("/", 1)
        if name[:4].isdigit():
            before = [each for each in present() if each.startswith(f"{folder}/0")]
            assert {each for each in before if each < path} <= set(listed), path


def test_each_file_of_sql_is_what_its_newest_migration_has_installed() -> None:
    """Whoever edits a file of `sql/` adds a migration with a copy of it: else nobody gets it."""
    assert sources()
    stale = []
    for source in sources():
        copies = (source.parents[1] / "migrations" / "sql").glob(f"*/{source.name}")
        newest = max(copies, default=None, key=lambda copy: copy.parent.name)
        if newest is None or newest.read_bytes() != source.read_bytes():
            stale.append(source.relative_to(ROOT).as_posix())

    assert stale == [], "Copy them to migrations/sql/<new migration>/, and have it install them."


def test_each_folder_of_sql_belongs_to_a_migration() -> None:
    folders = [folder for folder in ROOT.glob("*/migrations/sql/*") if folder.is_dir()]

    assert folders
    for folder in folders:
        assert (folder.parents[1] / f"{folder.name}.py").exists(), folder


@pytest.fixture
def manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copy = tmp_path / "released.sha256"
    copy.write_bytes(released.MANIFEST.read_bytes())
    monkeypatch.setattr(released, "MANIFEST", copy)
    return copy


def test_a_release_adds_what_is_new_and_keeps_every_line(manifest: Path) -> None:
    lines = manifest.read_text().splitlines()
    changed = "0" * 64 + lines[0][64:]
    manifest.write_text("\n".join([changed, *lines[2:]]) + "\n")

    added = released.add_new()

    assert lines[1].split(maxsplit=1)[1] in added
    after = manifest.read_text().splitlines()
    assert changed in after
    assert set(lines[1:]) <= set(after)
