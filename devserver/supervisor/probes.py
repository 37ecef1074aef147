"""Checking TCP ports and the HTTP servers behind them."""

import asyncio
import socket
from collections.abc import Iterable
from http.client import HTTPConnection, HTTPException
from urllib.parse import SplitResult, urlsplit

_ANSWER_SECONDS = 5.0


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen on the port now. Raises PermissionError if privileged."""
    with socket.socket() as probe:
        probe.settimeout(1)
        if probe.connect_ex((reachable(host), port)) == 0:
            return False  # macOS allows binding one address beside a listener on all addresses
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError:
            raise
        except OSError:
            return False
    return True


def first_free(host: str, ports: Iterable[int]) -> int | None:
    return next((port for port in ports if is_free(host, port)), None)


def reachable(host: str) -> str:
    """The address to connect to for a server that listens on ``host``."""
    return "127.0.0.1" if host in ("", "0.0.0.0") else host  # nosec B104  # noqa: S104 - compared, not bound


async def get(url: str, *, key: str = "") -> tuple[int, str]:
    """Send an HTTP GET without a proxy: the status and the body, or (0, reason) on failure."""
    return await asyncio.to_thread(_get, urlsplit(url), key)


def _get(url: SplitResult, key: str) -> tuple[int, str]:
    connection = HTTPConnection(url.hostname or "", url.port, timeout=_ANSWER_SECONDS)
    try:
        connection.request(
            "GET", url.path, headers={"Authorization": f"Bearer {key}"} if key else {}
        )
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    except (OSError, HTTPException) as error:
        return 0, str(error) or type(error).__name__
    finally:
        connection.close()
