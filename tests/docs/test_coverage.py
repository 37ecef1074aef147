"""Every error, metric, command and webhook event of the code is documented, and no others are."""

import re
from collections.abc import Iterator
from pathlib import Path

from django.core.management import get_commands

import config.urls  # noqa: F401 - imports every module that has errors
from billing.events.webhooks import EVENTS
from core.errors import ApiError
from devserver.modules import PACKAGES
from tests.webserver import ROOT

ERRORS = (ROOT / "docs" / "errors.md").read_text()
METRICS = (ROOT / "docs" / "metrics.md").read_text()
# A metric where it is made; a part of a name can be a variable.
_METRIC = re.compile(r'\(\s*f?"(tokengate_[a-z_{}]+)"')
_DOCUMENTED = re.compile(r"^\| `(tokengate_[a-z_]+)`", re.MULTILINE)


def _all_errors(kind: type[ApiError] = ApiError) -> Iterator[type[ApiError]]:
    for error in kind.__subclasses__():
        if error.__module__.split(".")[0] in PACKAGES:
            yield error
            yield from _all_errors(error)


def _documented_errors() -> Iterator[tuple[int, str]]:
    """Yield status and code of each row; in some tables, the heading has the status."""
    status = ""
    for line in ERRORS.splitlines():
        if heading := re.match(r"## (\d{3})", line):
            status = heading[1]
        if row := re.match(r"\| (?:(\d{3}) \| )?`([a-z_]+)` \|", line):
            yield int(row[1] or status), row[2]


def test_every_error_is_documented_with_its_status() -> None:
    raised = {(error.status, error.code) for error in _all_errors()}

    assert set(_documented_errors()) == raised


def _made_metrics() -> set[str]:
    production = (name for name in PACKAGES if name != "devserver")
    files = (file for name in production for file in (ROOT / name).rglob("*.py"))
    return {name for file in files for name in _METRIC.findall(file.read_text())}


def _is_of(documented: str, made: str) -> bool:
    """Compare names. Prometheus's client appends `_total` to those of counters."""
    pattern = re.sub(r"\{[a-z_]+\}", "[a-z_]+", made)
    return re.fullmatch(rf"{pattern}(_total|_count)?", documented) is not None


def test_every_metric_is_documented() -> None:
    made, documented = _made_metrics(), _DOCUMENTED.findall(METRICS)

    assert {one for one in made if not any(_is_of(name, one) for name in documented)} == set()
    assert {name for name in documented if not any(_is_of(name, one) for one in made)} == set()


def test_every_command_is_documented() -> None:
    own = {name for name, app in get_commands().items() if Path(ROOT / str(app)).is_dir()}
    named = set(re.findall(r"`manage\.py ([a-z_]+)", (ROOT / "README.md").read_text()))

    assert own - named == {"list_permissions", "seed_demo"}  # for developers: CONTRIBUTING.md
    assert named - set(get_commands()) == set()


def test_every_webhook_event_is_documented() -> None:
    page = (ROOT / "docs" / "billing.md").read_text()

    assert [event for event in EVENTS if f"`{event}`" not in page] == []
