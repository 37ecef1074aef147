"""A former version of the product, taken from the repository's history, to upgrade from.

It knows no cluster of Redis and no transaction pooler, so both versions use a single Valkey and
come to the database without PgBouncer while they serve side by side.
"""

import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

from tests.drill import database
from tests.drill.addresses import TO_PRIMARY
from tests.drill.programs import ROOT

# Its migrations end before those of packs of tokens, profiles and the status page.
COMMIT = "5d6dc14"
_PREPARE = """
import json, sys
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from tests.load import proxy
from tests.load.chaos import people
from tests.load.chaos.callers import MODEL
proxy.serve(MODEL, provider="openrouter")
print(json.dumps(people.with_keys(200, tier=people.plan("drill"))))
"""


def code(folder: Path) -> Path | None:
    """Write the former version's files; returns where, or None without the history."""
    found = subprocess.run(
        ["git", "archive", "--format=tar", COMMIT], cwd=ROOT, capture_output=True, check=False
    )
    if found.returncode:
        return None
    target = folder / "former"
    with tarfile.open(fileobj=io.BytesIO(found.stdout)) as archive:
        archive.extractall(target, filter="data")
    return target


def settings(host: str, redis_url: str) -> dict[str, str]:
    """Return the settings with which both versions serve on a host."""
    return {
        "DATABASE_URL": database.url_with_password(host, TO_PRIMARY),
        "DATABASE_PASSWORD_FILE": "",
        "DATABASE_TRANSACTION_POOLER": "false",
        "REDIS_URL": redis_url,
        "QUEUE_REDIS_URL": "",
    }


def prepare(code: Path, env: dict[str, str]) -> list[str]:
    """Migrate the database with the former version, and make its users; returns their keys."""
    done = subprocess.run(
        [sys.executable, "-c", _PREPARE],
        cwd=code,
        env={**os.environ, **env, "PYTHONPATH": str(code)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    keys: list[str] = json.loads(done.stdout.splitlines()[-1])
    return keys
