"""gunicorn's worker: uvicorn, with time for streams to end at shutdown."""

import asyncio
import signal
import socket
import sys
from typing import Any, ClassVar, NoReturn

from gunicorn.arbiter import Arbiter  # type: ignore[import-untyped]
from uvicorn import Server
from uvicorn_worker import UvicornWorker

from config import gunicorn
from config.protocol import Protocol

_ACCEPTING_SECONDS = 0.05


class PatientServer(Server):
    """uvicorn's server, which accepts what has connected before it stops to.

    The system would reset those connections, with the requests that have come on them.
    """

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await asyncio.sleep(_ACCEPTING_SECONDS)
        await super().shutdown(sockets)


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

    async def _serve(self) -> None:
        """Do as uvicorn's worker, with our server."""
        self.config.app = self.wsgi
        server = PatientServer(self.config)
        self._install_sigquit_handler()
        await server.serve(sockets=self.sockets)
        if not server.started:
            sys.exit(Arbiter.WORKER_BOOT_ERROR)


def _exit(number: int, frame: Any) -> NoReturn:
    sys.exit(0)
