"""The bill of materials lists what is installed in production, and every license is known."""

import json
import re

import pytest
import yaml

from devserver import sbom
from tests.webserver import ROOT

_PINNED = re.findall(r"^([\w.-]+)==", sbom.REQUIREMENTS.read_text(), re.MULTILINE)
# They would have to be our own license, too.
_VIRAL = re.compile(r"\bA?GPL|GNU (Affero )?General Public", re.IGNORECASE)


def test_every_pinned_package_is_in_it() -> None:
    written = json.loads(sbom.document())

    assert written["specVersion"] == "1.6"
    assert [each["name"] for each in written["components"]] == sorted(_PINNED)
    for component in written["components"]:
        assert component["purl"].startswith(f"pkg:pypi/{component['name']}@")
        assert component["hashes"]


def test_it_is_the_same_each_time() -> None:
    assert sbom.document() == sbom.document()


@pytest.mark.parametrize("package", sbom.packages(), ids=lambda package: package.name)
def test_each_license_is_known_and_none_binds_us(package: sbom.Package) -> None:
    if not package.installed:
        pytest.skip("not installed on this system")
    assert package.license
    assert not _VIRAL.search(package.license)


def test_the_updaters_leave_alone_what_is_pinned_for_a_reason() -> None:
    """Both configurations name the packages that requirements/base.in keeps back."""
    base = (ROOT / "requirements" / "base.in").read_text()
    kept = set(re.findall(r"^([\w-]+)==\S+ +#.*(?:breaks|needs one below)", base, re.MULTILINE))
    renovate = json.loads((ROOT / "renovate.json").read_text())
    dependabot = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text())

    assert kept == {"oauthlib", "stripe"}
    assert kept <= {
        name for rule in renovate["packageRules"] for name in rule.get("matchPackageNames", [])
    }
    (pip,) = (each for each in dependabot["updates"] if each["package-ecosystem"] == "pip")
    assert kept <= {each["dependency-name"] for each in pip["ignore"]}


def test_every_folder_of_packages_is_watched() -> None:
    dependabot = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text())
    (npm,) = (each for each in dependabot["updates"] if each["package-ecosystem"] == "npm")
    locks = [
        *ROOT.glob("extension/package-lock.json"),
        *ROOT.glob("extension/e2e/package-lock.json"),
    ]
    locks += [
        *ROOT.glob("tests/clients/package-lock.json"),
        *ROOT.glob("tests/clients/agents/package-lock.json"),
    ]

    assert {f"/{lock.parent.relative_to(ROOT)}" for lock in locks} == set(npm["directories"])
