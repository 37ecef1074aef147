"""``python -m devserver.upstream --port N``: run the demo upstream until SIGTERM."""

import argparse
import asyncio
import errno
import signal
import sys

import uvloop

from devserver.upstream.app import App
from devserver.upstream.server import announce, listen

PORT_TAKEN = 98


def main() -> int:
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(_options()))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        sys.stderr.write(f"{error.strerror}\n")
        return PORT_TAKEN
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="devserver.upstream", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 lets the system choose")
    parser.add_argument("--pace", type=float, default=0.0, metavar="MS", help="between tokens")
    parser.add_argument("--journal", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--until-stdin-closes", action="store_true", help="end with the parent")
    return parser.parse_args()


async def _serve(options: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    if options.until_stdin_closes:
        loop.add_reader(sys.stdin, ended.set)
    app = App(pace=options.pace, keeps_journal=options.journal)
    server = await listen(app, host=options.host, port=options.port)
    announce(server, host=options.host)
    await ended.wait()


sys.exit(main())
