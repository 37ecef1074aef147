"""A neighbour that takes every connection and says nothing: a service that has come to a halt."""

import selectors
import socket
from threading import Thread


class SilentServer:
    """Listens from the beginning, takes connections within ``with``, and hangs up at its end."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._waiting: list[socket.socket] = []
        self._over, self._end = socket.socketpair()
        self._thread = Thread(target=self._accept)
        self.port: int = self._listener.getsockname()[1]

    @property
    def waiting(self) -> int:
        """How many have come to wait for an answer."""
        return len(self._waiting)

    def _accept(self) -> None:
        with selectors.DefaultSelector() as events:
            for source in (self._listener, self._over):
                events.register(source, selectors.EVENT_READ)
            while all(key.fileobj is not self._over for key, _ in events.select()):
                self._waiting.append(self._listener.accept()[0])

    def __enter__(self) -> "SilentServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.close()
        self._thread.join()
        for each in (self._listener, self._over, *self._waiting):
            each.close()
