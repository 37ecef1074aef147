"""No migration that is to be released blocks requests for long, by squawk (https://squawkhq.com).

Of what it finds, `long_locks.txt` lists what may stay, with the reason. Released migrations do not
change, so they are not looked at.
"""

import json
import os
import re
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from tests.upgrades import released

_SQUAWK = Path(sys.executable).parent / "squawk"
_ALLOWED = Path(__file__).with_name("long_locks.txt")
# Matters of style; and timeouts, which the one who migrates sets (docs/operating/maintenance.md).
_NOT_ABOUT_LOCKS = (
    *("prefer-text-field", "prefer-bigint-over-int", "prefer-bigint-over-smallint"),
    *("prefer-robust-stmts", "ban-drop-function", "ban-drop-type"),
    *("require-lock-timeout", "require-statement-timeout"),
)
_TABLE = re.compile(r'(?:TABLE|ON|FROM|UPDATE)\s+(?:ONLY\s+)?"?(\w+)"?', re.IGNORECASE)


def unreleased() -> list[tuple[str, str]]:
    """Return app and name of each migration that is to be released."""
    listed = released.released()
    paths = (Path(path) for path in released.present() if path not in listed)
    return [(path.parts[0], path.stem) for path in paths if path.match("[0-9]*.py")]


def findings(folder: Path) -> set[str]:
    """Return what squawk finds in the SQL of a folder: rule, file and table."""
    files = sorted(str(file) for file in folder.glob("*.sql"))
    excluded = f"--exclude={','.join(_NOT_ABOUT_LOCKS)}"
    ran = subprocess.run(
        [str(_SQUAWK), "--pg-version=16.0", "--reporter=json", excluded, *files],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"]},
    )
    found = set()
    for one in json.loads(ran.stdout):
        file = Path(one["file"])
        before = file.read_text().splitlines()[: one["line"] + 1]
        table = _TABLE.findall("\n".join(before[-3:]))[-1]
        found.add(f"{one['rule_name']} {file.stem.replace('.', '/')} {table}")
    return found


def allowed() -> set[str]:
    lines = (line for line in _ALLOWED.read_text().splitlines() if not line.startswith("#"))
    return {line.partition(":")[0] for line in lines}


@pytest.mark.django_db(transaction=True)  # some migrations refuse to be in one
def test_no_migration_takes_a_long_lock(tmp_path: Path) -> None:
    """If this fails: add a constraint as NOT VALID and validate it later, an index concurrently."""
    migrations = unreleased()
    for app, name in migrations:
        sql = StringIO()
        call_command("sqlmigrate", app, name, stdout=sql, no_color=True)
        (tmp_path / f"{app}.{name}.sql").write_text(sql.getvalue())

    found = findings(tmp_path) if migrations else set()

    assert found - allowed() == set()
    names = {f"{app}/{name}" for app, name in migrations}
    stale = {line for line in allowed() - found if line.split()[1] in names}
    assert stale == set(), "Remove them from long_locks.txt."


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        ('CREATE INDEX "i" ON "big" ("a");', "require-concurrent-index-creation"),
        ('ALTER TABLE "big" ADD CONSTRAINT "c" CHECK (a > 0);', "constraint-missing-not-valid"),
        ('ALTER TABLE "big" ALTER COLUMN "a" TYPE bigint;', "changing-column-type"),
        ('ALTER TABLE "big" RENAME COLUMN "a" TO "b";', "renaming-column"),
        ('ALTER TABLE "big" DROP COLUMN "a";', "ban-drop-column"),
        ('ALTER TABLE "big" ALTER COLUMN "a" SET NOT NULL;', "adding-not-nullable-field"),
        (
            'ALTER TABLE "big" ADD CONSTRAINT "f" FOREIGN KEY ("a") REFERENCES "o" ("id");',
            "adding-foreign-key-constraint",
        ),
    ],
)
def test_what_it_looks_for(tmp_path: Path, sql: str, rule: str) -> None:
    (tmp_path / "app.0001.sql").write_text(f"BEGIN;\n{sql}\nCOMMIT;\n")

    assert f"{rule} app/0001 big" in findings(tmp_path)


def test_what_is_harmless_is_let_pass(tmp_path: Path) -> None:
    (tmp_path / "app.0001.sql").write_text(
        'BEGIN;\nCREATE TABLE "new" ("id" bigint PRIMARY KEY, "a" integer NOT NULL);\n'
        'CREATE INDEX "i" ON "new" ("a");\n'
        'ALTER TABLE "big" ADD COLUMN "b" integer DEFAULT 0 NOT NULL;\n'
        'ALTER TABLE "big" ADD CONSTRAINT "c" CHECK (b >= 0) NOT VALID;\nCOMMIT;\n'
    )
    (tmp_path / "app.0002.sql").write_text('CREATE INDEX CONCURRENTLY "j" ON "big" ("b");\n')

    assert findings(tmp_path) == set()
