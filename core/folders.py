"""Folders that only their owner can access."""

import os
import stat
from pathlib import Path


class ForeignFolderError(OSError):
    """The folder exists and belongs to another user, who could read or replace what is in it."""


def make_private(folder: Path, *, setting: str) -> None:
    """Create the folder with mode 0700, or restrict an existing one of ours to that mode.

    ``setting`` is the environment variable that names the folder; the error mentions it. Raises
    ``ForeignFolderError`` for a folder of another user, and ``OSError``.
    """
    folder.mkdir(parents=True, mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise ForeignFolderError(
            f"{folder} belongs to user id {found.st_uid}, and this is user id {os.geteuid()}. "
            f"Run as that user, remove the folder, or set {setting} to a folder of your own."
        )
    if stat.S_IMODE(found.st_mode) != 0o700:
        folder.chmod(0o700)
