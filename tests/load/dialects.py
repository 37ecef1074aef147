"""``python -m tests.load.dialects``: what Messages and Responses cost beside chat completions.

One worker, asked in turns within each round. CPU is the worker's own, for each request; what counts
is the median, over the rounds, of the ratios to chat completions within a round.
"""

import argparse
import json
import random
import statistics
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.load import stage
from tests.load.client import Load, send
from tests.load.processes import Server
from tests.load.sections import machine, write_section
from tests.load.stage import cores
from tests.load.upstream import MODEL
from tests.ports import free_port

_NATIVE = "native/fake"
_PROMPT = "Tell me a story. [[n=200,d=0]]"
_INTRODUCTION = """\
## Messages and Responses

Measured by `make bench-dialects` ({machine}): one worker process with everything on,
{rounds} rounds in which all take turns. CPU is the worker's own, from `/proc`; a ratio is the
median of the ratios to chat completions within a round. Streams have 200 events of text.

| | JSON: CPU ms/request | of chat | stream: CPU ms/request | of chat |
|---|---|---|---|---|
"""


@dataclass(frozen=True)
class Way:
    """A dialect, native or translated."""

    name: str
    path: str
    model: str

    def body(self, *, stream: bool) -> str:
        asked: dict[str, object] = {"model": self.model, "stream": stream}
        if self.path == "responses":
            return json.dumps({**asked, "input": _PROMPT, "max_output_tokens": 1000})
        messages = [{"role": "user", "content": _PROMPT}]
        return json.dumps({**asked, "messages": messages, "max_tokens": 1000})


CHAT = Way("chat completions", "chat/completions", MODEL)
WAYS = (
    CHAT,
    Way("Messages, native", "messages", _NATIVE),
    Way("Responses, native", "responses", _NATIVE),
    Way("Messages, translated", "messages", MODEL),
    Way("Responses, translated", "responses", MODEL),
)
Measured = dict[tuple[str, bool], list[float]]


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.load.dialects", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", metavar="FILE", help="replace its section about dialects")
    options = parser.parse_args()
    with stage.database():
        measured = _measure(options.rounds)
    text = _INTRODUCTION.format(machine=machine(), rounds=options.rounds)
    text += "".join(_row(way, measured) for way in WAYS)
    sys.stdout.write(text)
    if options.write:
        write_section(Path(options.write), "dialects", text + "\n")
    return 0


def _measure(rounds: int) -> Measured:
    # Models can be imported only once Django is set up.
    from tests.load import proxy

    proxy.prepare()
    proxy.serve(_NATIVE, provider="openrouter")
    headers = [{"Authorization": f"Bearer {one.key}"} for one in proxy.developers(16)]
    measured: Measured = {}
    with _stage(proxy.gunicorn(), proxy.environment) as (server, port):
        for number in range(rounds + 1):
            turns = [(way, stream) for way in WAYS for stream in (False, True)]
            random.shuffle(turns)
            for way, stream in turns:
                spent = _spent(server, port, way, stream=stream, headers=headers)
                if number:  # The first round warms up.
                    measured.setdefault((way.name, stream), []).append(spent)
    return measured


@contextmanager
def _stage(command: list[str], environment: object) -> Iterator[tuple[Server, int]]:
    core, load_core = cores()
    folder, upstream_port, port = stage.folder(), free_port(), free_port()
    fast = [sys.executable, "-m", "tests.load.upstream", str(upstream_port)]
    log = folder / "upstream.log"
    url = f"http://127.0.0.1:{upstream_port}/v1"
    env = {
        **environment(url),  # type: ignore[operator]
        "OPENROUTER_BASE_URL": url,
        "OPENROUTER_API_KEY": "any",
        "PORT": str(port),
    }
    with (
        Server(fast, port=upstream_port, log=log, core=load_core, env={}),
        Server(command, port=port, log=folder / "proxy.log", core=core, env=env) as server,
    ):
        yield server, port


def _spent(
    server: Server, port: int, way: Way, *, stream: bool, headers: list[dict[str, str]]
) -> float:
    """Return the CPU milliseconds that the worker takes for a request."""
    load = Load(
        port=port,
        path=f"/v1/{way.path}",
        body=way.body(stream=stream),
        headers=headers,
        connections=32,
        requests=500 if stream else 2000,
        seconds=120,
    )
    before = server.cpu()
    result = send(load, core=cores()[1])
    if result.failed:
        raise RuntimeError(f"{way.name} failed {result.failed} times: {result.first_failure}")
    return (server.cpu() - before) * 1000 / result.answered


def _row(way: Way, measured: Measured) -> str:
    cells = [way.name]
    for stream in (False, True):
        spent, chat = measured[way.name, stream], measured[CHAT.name, stream]
        ratio = statistics.median(one / other for one, other in zip(spent, chat, strict=True))
        cells += [f"{statistics.median(spent):.3f}", f"{ratio:.2f}"]
    return f"| {' | '.join(cells)} |\n"


if __name__ == "__main__":
    sys.exit(main())
