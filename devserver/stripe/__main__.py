"""``python -m devserver.stripe --port N``: run the fake Stripe until SIGTERM."""

import argparse
import asyncio
import contextlib
import errno
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import uvicorn

from devserver.stripe import account
from devserver.stripe.app import App
from devserver.stripe.world import World

PORT_TAKEN = 98


class _Server(uvicorn.Server):
    """A server that leaves signals to us, so that the exit status is 0."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def main() -> int:
    options = _options()
    try:
        listening = socket.create_server((options.host, options.port), backlog=1024)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        sys.stderr.write(f"{error.strerror}\n")
        return PORT_TAKEN
    # asyncio does it for sockets of its own only. Without it each answer, whose head and body are
    # written one after the other, comes 40 ms late.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with asyncio.Runner() as runner:
        runner.run(_serve(options, listening))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="devserver.stripe", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 lets the system choose")
    parser.add_argument("--public-url", help="where browsers find it, if not at host and port")
    parser.add_argument("--webhook", metavar="URL", help="send every event there")
    parser.add_argument("--secret", metavar="whsec_…", help="sign with it")
    parser.add_argument("--state", type=Path, metavar="FILE", help="keep the account there")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end with the parent")
    return parser.parse_args()


async def _serve(options: argparse.Namespace, listening: socket.socket) -> None:
    port = listening.getsockname()[1]
    url = f"http://{options.host}:{port}"
    app = App(World(base_url=options.public_url or url), state=options.state)
    app.start()
    if options.webhook:
        _register(app.world, url=options.webhook, secret=options.secret)
    config = uvicorn.Config(app, log_level="warning", lifespan="off", timeout_graceful_shutdown=1)
    server = _Server(config)
    _end_on_signal(server, until_stdin_closes=options.until_stdin_closes)
    working = asyncio.create_task(app.run())
    sys.stdout.write(f"listening on {url}\n")
    sys.stdout.flush()
    await server.serve(sockets=[listening])
    working.cancel()
    app.stop()


def _register(world: World, *, url: str, secret: str | None) -> None:
    """Ensure that there is exactly one endpoint at ``url``, after any number of starts."""
    for endpoint in world.store.oldest_first("webhook_endpoint"):
        if endpoint["url"] == url:
            endpoint["_secret"] = secret or endpoint["_secret"]
            return
    given = {"url": url, "enabled_events": ["*"]}
    account.create_endpoint(world, given, secret=secret)


def _end_on_signal(server: uvicorn.Server, *, until_stdin_closes: bool) -> None:
    loop = asyncio.get_running_loop()

    def end() -> None:
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    if until_stdin_closes:
        loop.add_reader(sys.stdin, end)


if __name__ == "__main__":
    sys.exit(main())
