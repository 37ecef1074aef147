"""A worker's file in the spool: its lines, and the lock that shows that the worker is alive."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

import structlog
from django.conf import settings

from core.folders import make_private

log = structlog.get_logger("tokengate.tokens")


class WorkerFile:
    """The file of this process. Errors of writing it are logged and do not stop requests."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._fd: int | None = None
        self._is_empty = True
        self._works = True

    def append(self, line: bytes) -> None:
        """Add a line."""
        try:
            if self._fd is None:
                self._put([])
            assert self._fd is not None
            self._is_empty = False
            os.write(self._fd, b"\n" + line)  # The last line may be truncated.
            self._works = True
        except OSError:
            self._failed()

    def replace(self, lines: list[bytes]) -> None:
        """Replace the lines. If this fails, the old ones are kept."""
        if not lines and self._is_empty:
            return
        with self._logging():
            if lines:
                self._put(lines)
            elif self._fd is not None:
                os.ftruncate(self._fd, 0)
            self._is_empty = not lines

    def set_aside(self, line: bytes) -> None:
        """Add a line to another file, which is kept."""
        with self._logging():
            if self._path is None:
                self._put([])
            assert self._path is not None
            set_aside_beside(self._path, line)

    def leave(self) -> None:
        """Release the file, as if the process were dead. An empty file is removed."""
        if self._path is None or self._fd is None:
            return
        if self._is_empty:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
        os.close(self._fd)
        self._path = self._fd = None
        self._is_empty = True

    def _put(self, lines: list[bytes]) -> None:
        """Replace the file. The new one is locked before it is renamed, so it is never unlocked."""
        make_private(settings.SETTLEMENT_SPOOL, setting="SETTLEMENT_SPOOL")
        path = self._path or settings.SETTLEMENT_SPOOL / f"{uuid4()}.owed"
        draft = path.with_suffix(".draft")
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _write(fd, b"\n".join(lines))
            draft.replace(path)
        except OSError:
            os.close(fd)
            with suppress(OSError):  # Drafts must not fill the disk.
                draft.unlink(missing_ok=True)
            raise
        if self._fd is not None:
            os.close(self._fd)
        self._path, self._fd = path, fd

    @contextmanager
    def _logging(self) -> Iterator[None]:
        try:
            yield
            self._works = True
        except OSError:
            self._failed()

    def _failed(self) -> None:
        if self._works:  # Once, not for every stream.
            log.exception("settlements_not_spooled", folder=str(settings.SETTLEMENT_SPOOL))
        self._works = False


def set_aside_beside(file: Path, line: bytes) -> None:
    """Add a line to the refused lines of a worker's file."""
    with file.with_suffix(".refused").open("ab") as refused:
        refused.write(line + b"\n")


def is_orphaned(opened: BinaryIO) -> bool:
    """Return whether a file's worker is dead. If so, we have the lock until the file is closed."""
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return os.fstat(opened.fileno()).st_nlink > 0  # Otherwise its worker has just replaced it.


def _write(fd: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(fd, view) :]
