"""Paths and URLs of a checkout's embedded servers.

Everything here is a pure function of ``DATA_DIR`` and the profile: no server is needed, and nothing
is created. There are two profiles: ``run`` keeps its data, ``test`` is fast and can be deleted.
"""

import os
import re
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from core.env import BASE_DIR, env

Profile = Literal["run", "test"]

POSTGRES_SOCKET = ".s.PGSQL.5432"
VALKEY_SOCKET = "valkey.sock"

# sun_path has 108 bytes on Linux and 104 on macOS.
_SOCKET_PATH_LIMIT = 100
# libpq splits a host at commas, and kombu does not decode percent signs, so such paths cannot be
# used in URLs.
_PLAIN_PATH = re.compile(r"[A-Za-z0-9_./-]+")


@dataclass(frozen=True)
class Places:
    """The folders of one profile."""

    profile: Profile
    data: Path

    @property
    def home(self) -> Path:
        return self.data / "test" if self.profile == "test" else self.data

    @property
    def log(self) -> Path:
        return self.home / "log"

    @property
    def sockets(self) -> Path:
        """A folder whose socket paths are short enough: in the data folder, or one in /tmp for it.

        The short one is in /tmp itself: TMPDIR may differ between two users of the same servers.
        """
        inside = self.home / "sockets"
        path = str(inside / POSTGRES_SOCKET)
        if _PLAIN_PATH.fullmatch(path) and len(path) <= _SOCKET_PATH_LIMIT:
            return inside
        digest = sha256(os.fsencode(self.home)).hexdigest()[:16]
        return Path(f"/tmp/tokengate-{os.geteuid()}-{digest}")  # nosec B108  # noqa: S108 - private, owner-checked


def data_dir() -> Path:
    """The git-ignored data folder: ``DATA_DIR`` (relative to the checkout), or ``.data``."""
    given = Path(env.str("DATA_DIR", "") or ".data").expanduser()
    return (BASE_DIR / given).resolve()


def places(*, profile: Profile = "run") -> Places:
    return Places(profile, data_dir())


def database_url(*, profile: Profile = "run") -> str:
    """The URL of the embedded PostgreSQL, even if it is not running."""
    return f"postgresql://tokengate@/tokengate?host={quote(str(places(profile=profile).sockets))}"


def redis_url(*, profile: Profile = "run") -> str:
    """The URL of the embedded Valkey, even if it is not running."""
    return f"unix://{quote(str(places(profile=profile).sockets / VALKEY_SOCKET))}?db=0"


def is_embedded(url: str) -> bool:
    """Whether a URL belongs to an embedded server of this checkout."""
    profiles: tuple[Profile, ...] = ("run", "test")
    return any(url in (database_url(profile=p), redis_url(profile=p)) for p in profiles)
