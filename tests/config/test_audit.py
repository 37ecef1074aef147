"""`make audit`: a finding fails, and a service that knows nothing proves nothing."""

from typing import Any

import orjson
import pytest

from tests.audit import FOUND, UNKNOWN, read, verdict

GOOD: list[Any] = [{"name": f"package-{n}", "version": "1.0", "vulns": []} for n in range(20)]
FINDING: Any = {"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["1.1"]}
BAD: Any = {"name": "bad", "version": "1.0", "vulns": [FINDING]}
SKIPPED: Any = {"name": "own", "skip_reason": "not found"}


def status(packages: list[Any] | None, *, optional: bool) -> int:
    audit = None if packages is None else read(orjson.dumps({"dependencies": packages}))
    return verdict(audit, optional=optional)[0]


@pytest.mark.parametrize("optional", [True, False])
def test_a_finding_fails_even_where_most_packages_are_unknown(optional: bool) -> None:
    assert status([*GOOD, BAD], optional=optional) == FOUND
    assert status([BAD, *[SKIPPED] * 20], optional=optional) == FOUND


@pytest.mark.parametrize("optional", [True, False])
def test_known_packages_without_findings_pass(optional: bool) -> None:
    assert status(GOOD, optional=optional) == 0
    assert status([*GOOD, SKIPPED], optional=optional) == 0


@pytest.mark.parametrize("packages", [None, [], [SKIPPED] * 20, [*GOOD, *[SKIPPED] * 20]])
def test_a_service_that_cannot_answer_fails_unless_it_is_optional(
    packages: list[Any] | None,
) -> None:
    assert status(packages, optional=False) == UNKNOWN
    assert status(packages, optional=True) == 0


def test_a_finding_is_named_with_its_fix() -> None:
    _, words = verdict(read(orjson.dumps({"dependencies": [BAD]})), optional=False)

    assert "bad 1.0: PYSEC-1 (CVE-1), mended in 1.1" in words
