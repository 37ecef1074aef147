"""The container's health check: `python -m config.healthcheck` fails unless the web server answers.

Django answers only for hosts in ALLOWED_HOSTS, so the check sends the first of them as Host.
"""

import os
import sys
from http.client import HTTPConnection

_TIMEOUT = 5.0


def main() -> int:
    """Return the exit code: 0 when `/api/health` says 200. Raises OSError when nobody listens."""
    web = HTTPConnection("127.0.0.1", int(os.environ.get("PORT", "8000")), timeout=_TIMEOUT)
    web.request("GET", "/api/health", headers={"Host": _allowed_host()})
    return int(web.getresponse().status != 200)


def _allowed_host() -> str:
    """A name that Django accepts: `.example.com` in the list also means `example.com`."""
    first = os.environ.get("ALLOWED_HOSTS", "").split(",")[0].strip()
    return first.lstrip(".*") or "localhost"


if __name__ == "__main__":
    sys.exit(main())
