"""Looks for known vulnerabilities in pinned requirements: ``python -m tests.audit FILE…``.

pip-audit asks a service for each package. Exit 1: a package has a known vulnerability. Exit 2: the
service could not be asked, or does not know most of the packages, as a mirror may not: then
nothing is proved, and ``--optional`` makes it exit 0, with a clear word.
"""

import argparse
import subprocess
import sys
from dataclasses import dataclass

import orjson

FOUND, UNKNOWN = 1, 2
_SECONDS = 600


@dataclass(frozen=True)
class Audit:
    """What a service said: how many packages it knows, which it does not, and what is wrong."""

    audited: int
    skipped: list[str]
    findings: list[str]

    @property
    def proves_something(self) -> bool:
        """Tell whether nearly all packages were looked up: one of our own may be unknown."""
        return self.audited > 9 * len(self.skipped)


def read(report: bytes) -> Audit:
    """Read pip-audit's JSON. Raises ``ValueError`` when it is none."""
    packages = orjson.loads(report)["dependencies"]
    skipped = [each["name"] for each in packages if "skip_reason" in each]
    findings = [
        f"{each['name']} {each['version']}: {found['id']} ({', '.join(found['aliases'])}), "
        f"mended in {', '.join(found['fix_versions']) or 'no version yet'}"
        for each in packages
        for found in each.get("vulns", [])
    ]
    return Audit(len(packages) - len(skipped), skipped, findings)


def ask(files: list[str]) -> Audit | None:
    """Ask the package index for vulnerabilities of the pinned packages; None if it cannot be.

    Nothing is installed or resolved: the files name every package, with its hash.
    """
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes"]
    command += ["--format", "json", "--progress-spinner", "off", "--timeout", "10"]
    for file in files:
        command += ["--requirement", file]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False)
        return read(done.stdout)
    except (ValueError, KeyError, subprocess.TimeoutExpired):
        return None


def verdict(audit: Audit | None, *, optional: bool) -> tuple[int, str]:
    """Return the exit status, and what to print."""
    if audit is not None and audit.findings:
        return FOUND, "\n".join(["Known vulnerabilities:", *audit.findings])
    if audit is not None and audit.proves_something:
        unknown = f" Not known there: {', '.join(audit.skipped)}." if audit.skipped else ""
        return 0, f"No known vulnerability in {audit.audited} packages.{unknown}"
    if audit is None:
        reason = "the service cannot be reached"
    else:
        asked = audit.audited + len(audit.skipped)
        reason = f"the service knows only {audit.audited} of {asked} packages"
    return 0 if optional else UNKNOWN, f"NOT AUDITED: {reason}. Run `make audit` where it can be."


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.audit", description=__doc__)
    parser.add_argument("files", nargs="+", help="requirements with hashes")
    parser.add_argument("--optional", action="store_true", help="do not fail without the service")
    options = parser.parse_args()
    status, words = verdict(ask(options.files), optional=options.optional)
    print(words)  # noqa: T201 - it is what a command says
    return status


if __name__ == "__main__":
    sys.exit(main())
