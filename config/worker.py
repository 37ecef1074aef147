"""gunicorn's worker: uvicorn, with time for streams to end at shutdown."""

import signal
import sys
from typing import Any, ClassVar, NoReturn

from uvicorn_worker import UvicornWorker

from config import gunicorn
from config.protocol import Protocol


class Worker(UvicornWorker):  # type: ignore[misc]  # it ships without types
    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        "loop": "uvloop",
        "http": Protocol,
        "lifespan": "on",
        "ws": "none",
        "server_header": False,
        "access_log": False,
        # Whose address a request has is decided in one place, by TRUSTED_PROXY.
        "proxy_headers": False,
        # Streams that last longer are cancelled, which settles them, while there is time to.
        "timeout_graceful_shutdown": gunicorn.stream_timeout,
    }

    def init_signals(self) -> None:
        """Let the signal that uvicorn raises anew, once it has stopped, end us in good order.

        By default it would kill the process there, before its exit handlers.
        """
        super().init_signals()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _exit)


def _exit(number: int, frame: Any) -> NoReturn:
    sys.exit(0)
