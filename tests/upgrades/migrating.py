"""Run a program of ours on a database, such as `manage.py migrate`."""

import os
import subprocess
import sys

from tests.webserver import ROOT, database_url


def start(database: str, *arguments: str) -> subprocess.Popen[bytes]:
    env = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": database_url(database),
    }
    return subprocess.Popen([sys.executable, *arguments], cwd=ROOT, env=env)


def run(database: str, *arguments: str) -> None:
    assert start(database, *arguments).wait() == 0


def migrate(database: str, *to: str) -> None:
    run(database, "manage.py", "migrate", "--verbosity=0", "--skip-checks", *to)
