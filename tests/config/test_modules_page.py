"""docs/modules.md lists every module, as its docstring describes it."""

from devserver import modules
from tests.webserver import ROOT

# The framework says what these are for.
_CONVENTIONAL = ("apps.py", "urls.py", "/management/commands/")


def test_the_page_is_what_the_docstrings_say() -> None:
    page = (ROOT / "docs" / "modules.md").read_text()

    assert page == modules.page(), "run: python -m devserver.modules --write"


def test_every_module_has_a_docstring() -> None:
    missing = [file for file in modules.undocumented() if not any(n in file for n in _CONVENTIONAL)]

    assert missing == []


def test_no_package_is_missing() -> None:
    packages = {file.parent.name for file in ROOT.glob("*/__init__.py")} - {"tests"}

    assert packages == set(modules.PACKAGES)
