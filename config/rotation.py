"""Replacing SECRET_KEY without signing users out, by SECRET_KEY_FALLBACKS.

Django (cookies, links in email) and accounts/sessions/jwts.py accept signatures of keys in
SECRET_KEY_FALLBACKS. Refresh tokens are valid for 30 days: keys that were replaced longer ago can
be removed.
"""

import os
import re
import secrets
import stat
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

KEPT = 2
_BYTES = 48


def rotated(*, secret: str, fallbacks: Sequence[str], keep: int = KEPT) -> dict[str, str]:
    """Return the variables with a new secret, and the ones before it as its fallbacks."""
    former = list(dict.fromkeys([secret, *fallbacks]))[:keep]
    return {
        "SECRET_KEY": secrets.token_urlsafe(_BYTES),
        "SECRET_KEY_FALLBACKS": ",".join(former),
    }


def write(path: Path, variables: Mapping[str, str]) -> None:
    """Set variables in an environment file: every other line stays; whoever reads sees all or none.

    The file is made readable by its owner only if it is new. Raises ``OSError``.
    """
    text = path.read_text() if path.exists() else ""
    for name, value in variables.items():
        line = f"{name}={value}"  # of base64's letters only, so nothing in it is an escape
        text, found = re.subn(rf"(?m)^{name}=.*$", line, text)
        if not found:
            text += ("" if text.endswith("\n") or not text else "\n") + line + "\n"
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o600
    _replace(path, text, mode)


def _replace(path: Path, text: str, mode: int) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
