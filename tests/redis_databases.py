"""Redis databases for tests: every worker of pytest has one of its own, and a spare one.

So that what one test leaves in Redis (health of providers, signs of life, attempts, tasks) is not
read by one that runs at the same time.
"""

import os
import re
from urllib.parse import urlsplit

_WORKERS = 8  # of the 16 databases that a server has
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _WORKERS


def of_this_worker(url: str) -> str:
    """Return the URL of this worker's database."""
    return _numbered(url, _WORKER)


def spare(url: str) -> str:
    """Return the URL of another one, which a test may empty or break."""
    return _numbered(url, _WORKER + _WORKERS)


def _numbered(url: str, number: int) -> str:
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return re.sub(r"\bdb=\d+", f"db={number}", url)
    return parts._replace(path=f"/{number}").geturl()
