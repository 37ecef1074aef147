"""`NAME_FILE` names a file with the value of `NAME`, as Docker and Kubernetes hand over secrets."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.webserver import ROOT

_TELL = """
import json
from config import settings
database = settings.DATABASES["default"]
print(json.dumps([settings.SECRET_KEY, database["PASSWORD"], settings.IDP_OIDC_PRIVATE_KEY]))
"""


def told(**variables: str) -> subprocess.CompletedProcess[str]:
    base = {
        "CI": "true",
        "PATH": os.environ["PATH"],
        "DATABASE_URL": "postgresql://tokengate@db.example/tokengate",
        "REDIS_URL": "redis://redis.example",
    }
    return subprocess.run(
        [sys.executable, "-c", _TELL],
        cwd=ROOT,
        env={**base, **variables},
        capture_output=True,
        text=True,
    )


def test_values_come_from_files_without_their_last_line_end(tmp_path: Path) -> None:
    key = "-----BEGIN-----\nabc\n-----END-----"
    for name, value in {
        "secret": "s3cret\n",
        "password": "p@ss/w:rd#\r\n",
        "key": f"{key}\n",
    }.items():
        (tmp_path / name).write_text(value, newline="")

    done = told(
        SECRET_KEY_FILE=str(tmp_path / "secret"),
        DATABASE_PASSWORD_FILE=str(tmp_path / "password"),
        IDP_OIDC_PRIVATE_KEY_FILE=str(tmp_path / "key"),
    )

    assert json.loads(done.stdout) == ["s3cret", "p@ss/w:rd#", key]


def test_a_password_in_the_url_wins(tmp_path: Path) -> None:
    done = told(DATABASE_URL="postgresql://u:of-url@h/d", DATABASE_PASSWORD="other")

    assert json.loads(done.stdout)[1] == "of-url"


def test_a_file_that_is_missing_is_told() -> None:
    done = told(SECRET_KEY_FILE="/nowhere/secret")

    assert done.returncode
    assert "SECRET_KEY_FILE cannot be read" in done.stderr


def test_a_value_and_its_file_are_too_much(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("one")

    done = told(SECRET_KEY="other", SECRET_KEY_FILE=str(tmp_path / "secret"))

    assert done.returncode
    assert "SECRET_KEY and SECRET_KEY_FILE are both set" in done.stderr


def test_an_empty_value_beside_its_file_is_none(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("one")

    done = told(SECRET_KEY="", SECRET_KEY_FILE=str(tmp_path / "secret"))

    assert json.loads(done.stdout)[0] == "one"
