"""manage.py rotate_secret."""

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import User
from accounts.sessions import session_pairs
from config import rotation
from core.env import secret_is_weak


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    path = tmp_path / ".env"
    path.write_text("# mine\nSECRET_KEY=old\nDEBUG=true")
    return path


def test_the_secret_is_replaced_and_becomes_a_fallback(env_file: Path, settings: Settings) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "old", ["older", "oldest"]
    call_command("rotate_secret", env_file=env_file)

    comment, secret, debug, fallbacks = env_file.read_text().splitlines()
    assert (comment, debug) == ("# mine", "DEBUG=true")
    assert not secret_is_weak(secret.removeprefix("SECRET_KEY="))
    assert fallbacks == "SECRET_KEY_FALLBACKS=old,older"


def test_whoever_is_signed_in_stays_so(user: User, settings: Settings) -> None:
    pair = session_pairs.issue(user)
    changed = rotation.rotated(secret=settings.SECRET_KEY, fallbacks=[])
    settings.SECRET_KEY = changed["SECRET_KEY"]
    settings.SECRET_KEY_FALLBACKS = changed["SECRET_KEY_FALLBACKS"].split(",")

    client = APIClient(headers={"Authorization": f"Bearer {pair.access}"})
    assert client.get("/api/users/profile").status_code == 200
    assert session_pairs.refresh(pair.refresh)


def test_without_a_file_it_is_only_told(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("rotate_secret")
    told = capsys.readouterr().out.splitlines()
    assert [line.partition("=")[0] for line in told] == ["SECRET_KEY", "SECRET_KEY_FALLBACKS"]


def test_a_dry_run_changes_nothing(env_file: Path) -> None:
    before = env_file.read_text()
    call_command("rotate_secret", env_file=env_file, dry_run=True)
    assert env_file.read_text() == before


def test_a_new_file_is_its_owners(tmp_path: Path) -> None:
    call_command("rotate_secret", env_file=tmp_path / "new")
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_an_unusable_env_file_is_refused(env_file: Path, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="signed out"):
        call_command("rotate_secret", env_file=env_file, keep=0)
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("rotate_secret", env_file=tmp_path / "nowhere" / ".env")
