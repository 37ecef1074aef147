"""Sections of docs/performance.md that are written by measuring, each between its own comments."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path


def machine() -> str:
    """Say what it was measured on, and when."""
    cores = f"{os.cpu_count()} cores ({platform.machine()})"
    system = platform.freedesktop_os_release()["PRETTY_NAME"]
    return f"{cores}, {system}, Python {platform.python_version()}, {datetime.now(UTC).date()}"


def write_section(file: Path, name: str, text: str) -> None:
    """Put the section into the file, in the place of the former one, and leave the rest alone."""
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->\n"
    whole = file.read_text() if file.exists() else "# Performance\n"
    before, found, rest = whole.partition(begin)
    after = rest.partition(end)[2] if found else ""
    file.write_text(f"{before if found else before + chr(10)}{begin}{text}{end}{after}")
