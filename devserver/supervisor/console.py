"""Output of the supervisor and its children: prefixed lines, colored on a terminal."""

import os
import signal
import sys

_COLOURS = {"run": 1, "upstream": 36, "stripe": 34, "web": 32, "worker": 33, "beat": 35}


class Console:
    """Standard output, shared by several processes."""

    def __init__(self) -> None:
        self._coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        self._unfinished = ""

    def say(self, name: str, text: str) -> None:
        """Print a line as ``web      | text``."""
        self._end_line()
        self._write(f"{self._prefix(name)} {text}\n")

    def begin(self, step: str) -> None:
        """Print the first half of a line: the current step."""
        self._end_line()
        self._write(f"{self._prefix('run')} {step} …")
        self._unfinished = step

    def finish(self, step: str, *, seconds: float) -> None:
        """Print the other half, on its own line if another process printed meanwhile."""
        if not self._unfinished:
            self._write(f"{self._prefix('run')} {step} …")
        self._write(f" {seconds:.1f} s\n")
        self._unfinished = ""

    def show(self, block: str) -> None:
        """Print a block unchanged."""
        self._end_line()
        self._write(f"{block}\n")

    def _end_line(self) -> None:
        if self._unfinished:
            self._write("\n")
            self._unfinished = ""

    def _prefix(self, name: str) -> str:
        plain = f"{name:8} |"
        return f"\033[{_COLOURS.get(name, 37)}m{plain}\033[0m" if self._coloured else plain

    def _write(self, text: str) -> None:
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except OSError:  # the reader has closed the pipe (`make run | head`): stop normally
            sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115
            os.kill(os.getpid(), signal.SIGTERM)
