"""The software bill of materials: ``python -m devserver.sbom [FILE]`` (CycloneDX 1.6, JSON).

It lists what requirements/base.txt pins, with hashes and licenses. The licenses are those that the
installed packages name. ``--licenses`` prints them instead, and fails for a package without any.
"""

import json
import re
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from core.env import BASE_DIR

REQUIREMENTS = BASE_DIR / "requirements" / "base.txt"
_PIN = re.compile(
    r"^([\w.-]+)==([^\s;\\]+)(?:\s*;[^\\]*)?((?:\s*\\\n\s+--hash=sha256:\w+)+)", re.MULTILINE
)
_HASH = re.compile(r"--hash=sha256:(\w+)")
_CLASSIFIER = re.compile(r"License :: (?:OSI Approved :: )?(.+)")


@dataclass(frozen=True)
class Package:
    """A pinned package. ``license`` is empty if it names none, or is not installed here."""

    name: str
    version: str
    hashes: tuple[str, ...]
    license: str
    installed: bool


def packages(requirements: Path = REQUIREMENTS) -> list[Package]:
    """Return the packages that a compiled file of requirements pins, by name."""
    return [
        _package(name, version, tuple(_HASH.findall(hashes)))
        for name, version, hashes in _PIN.findall(requirements.read_text())
    ]


def _package(name: str, version: str, hashes: tuple[str, ...]) -> Package:
    try:
        found = metadata(name)
    except PackageNotFoundError:  # of another system
        return Package(name, version, hashes, "", installed=False)
    return Package(name, version, hashes, _license(found), installed=True)


def _license(found: Any) -> str:
    """Return the license that a package names: an SPDX expression, or a short name."""
    if expression := found.get("License-Expression"):
        return str(expression)
    classifiers = [_CLASSIFIER.match(each) for each in found.get_all("Classifier") or []]
    names = [each[1] for each in classifiers if each]
    text = str(found.get("License") or "").strip()
    if text and len(text) < 60 and "\n" not in text:
        return text
    return " OR ".join(names)


def bom(listed: list[Package]) -> Bom:
    """Return the bill of materials."""
    made, licenses = Bom(), LicenseFactory()
    made.metadata.component = Component(
        name="tokengate", type=ComponentType.APPLICATION, bom_ref="tokengate"
    )
    for package in listed:
        component = Component(
            name=package.name,
            version=package.version,
            type=ComponentType.LIBRARY,
            purl=PackageURL("pypi", name=package.name, version=package.version),
            bom_ref=f"{package.name}=={package.version}",
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=each) for each in package.hashes],
            licenses=[licenses.make_from_string(package.license)] if package.license else [],
        )
        made.components.add(component)
        made.register_dependency(made.metadata.component, [component])
    return made


def document() -> str:
    """Return the document, without serial number and time: the same pins give the same text."""
    written = json.loads(JsonV1Dot6(bom(packages())).output_as_string())
    written.pop("serialNumber", None)
    written["metadata"].pop("timestamp", None)
    return json.dumps(written, indent=1, sort_keys=True) + "\n"


def _print_licenses() -> int:
    listed = packages()
    for package in listed:
        said = package.license or ("unknown" if package.installed else "not installed here")
        sys.stdout.write(f"{package.name:45} {package.version:15} {said}\n")
    return int(any(package.installed and not package.license for package in listed))


if __name__ == "__main__":
    arguments = sys.argv[1:]
    if "--licenses" in arguments:
        sys.exit(_print_licenses())
    if arguments:
        Path(arguments[0]).write_text(document())
    else:
        sys.stdout.write(document())
