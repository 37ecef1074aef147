"""A worker's file in the spool: its lines, and the lock by which others know that it lives."""

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
    """The file of this process. Where it cannot be written, that is logged, and stops nobody."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._fd: int | None = None
        self._is_empty = True
        self._works = True

    def append(self, line: bytes) -> None:
        """Add a line."""
        with self._logging():
            if self._fd is None:
                self._put([])
            assert self._fd is not None
            self._is_empty = False
            os.write(self._fd, b"\n" + line)  # What a full disk cut off spoils no other line.

    def replace(self, lines: list[bytes]) -> None:
        """Have just these lines in it, or still the old ones if that fails."""
        if not lines and self._is_empty:
            return
        with self._logging():
            if lines:
                self._put(lines)
            elif self._fd is not None:
                os.ftruncate(self._fd, 0)
            self._is_empty = not lines

    def set_aside(self, line: bytes) -> None:
        """Add a line to another file, which stays."""
        with self._logging():
            if self._path is None:
                self._put([])
            assert self._path is not None
            set_aside_beside(self._path, line)

    def leave(self) -> None:
        """Let go of the file, as if the process were dead; an empty one is removed."""
        if self._path is None or self._fd is None:
            return
        if self._is_empty:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
        os.close(self._fd)
        self._path = self._fd = None
        self._is_empty = True

    def _put(self, lines: list[bytes]) -> None:
        """Put another file in its place: locked before it has the name, so never an orphan."""
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
            with suppress(OSError):  # Nor does a draft fill the disk for ever.
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
            if self._works:  # Once, not with every stream.
                log.exception("settlements_not_spooled", folder=str(settings.SETTLEMENT_SPOOL))
            self._works = False


def set_aside_beside(file: Path, line: bytes) -> None:
    """Add a line to what is refused of a worker's file."""
    with file.with_suffix(".refused").open("ab") as refused:
        refused.write(line + b"\n")


def is_orphaned(opened: BinaryIO) -> bool:
    """Tell whether a file's worker is dead; if so, it is ours alone until it is closed here."""
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return os.fstat(opened.fileno()).st_nlink > 0  # Else its worker has just replaced it.


def _write(fd: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(fd, view) :]
