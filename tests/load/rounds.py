"""Rounds: every contender once in each, so that what disturbs the machine disturbs them all."""

import random
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from tests.load import gateways, proxy, stage
from tests.load.contenders import Contender, Site, bare, nginx, stock
from tests.load.processes import Server
from tests.load.scenarios import SCENARIOS, START, Figures, Running, Scenario, warm_up
from tests.load.stage import cores
from tests.ports import free_port

DIRECT = "no proxy"
Measured = dict[tuple[str, str], list[Figures]]
"""(scenario, contender) -> its figures, round by round."""

_SLOW_ROUNDS = 2


def _everybody() -> list[Contender]:
    """Return all contenders, ours first, also those that are not installed."""
    return [proxy.contender(), bare(), stock(), nginx(), *gateways.installed()]


@contextmanager
def upstream(folder: Path, core: int | None) -> Iterator[int]:
    """Start the fast upstream; gives its port."""
    port = free_port()
    command = [sys.executable, "-m", "tests.load.upstream", str(port)]
    with Server(command, port=port, log=folder / "upstream.log", core=core, env={}):
        yield port


@contextmanager
def running(contender: Contender, site: Site) -> Iterator[Running]:
    """Start a contender on the server's core."""
    core, load_core = cores()
    port = free_port()
    server = Server(
        contender.command(site, port),
        port=port,
        log=site.folder / f"{contender.name}.log",
        core=core,
        env={**contender.env(site), "PORT": str(port)},
    )
    with server:
        if contender.keys:
            site = replace(site, keys=contender.keys(port))
        started = Running(contender, site, server, port, load_core, start_cpu=server.cpu())
        for stream in (False, True) if contender.streams else (False,):
            warm_up(started, stream=stream)  # It listens, but may still be loading.
        yield started


def measure(
    *, rounds: int, scale: float, callers: int, only: set[str], names: set[str]
) -> tuple[Measured, list[Contender]]:
    """Run all rounds. ``only`` and ``names`` narrow scenarios and contenders; empty means all."""
    found = [c for c in _everybody() if not names or c.name in names]
    wanted = [s for s in SCENARIOS if not only or s.name in only]
    measured: Measured = {}
    _, load_core = cores()
    folder = stage.folder()
    with ExitStack() as stack:
        port = stack.enter_context(upstream(folder, load_core))
        site = Site(port, folder, [d.key for d in proxy.developers(callers)])
        up = []
        for place, one in enumerate(found):
            try:
                if not one.missing:
                    up.append(stack.enter_context(running(one, site)))
            except RuntimeError as error:  # A foreign one that does not serve here stops nobody.
                print(error, flush=True)  # noqa: T201
                found[place] = replace(one, missing="failed to serve")
        measured.update(_starts(up))
        up.append(_direct(site, load_core))
        for number in range(rounds):
            for scenario in wanted:
                _round(scenario, up, number, scale, measured)
    return measured, found


def _starts(up: list[Running]) -> Measured:
    """Return how long each took to listen, and its CPU and memory after the warm-up."""
    return {
        (START.name, one.contender.name): [
            {
                "seconds": one.server.start_seconds,
                "CPU s": one.start_cpu,
                "MB": one.memory(),
            }
        ]
        for one in up
        if one.server
    }


def _direct(site: Site, load_core: int | None) -> Running:
    """Stand in for a contender with the upstream itself: what the load generator can see at all."""
    nothing = Contender(DIRECT, command=lambda _, port: [])
    return Running(nothing, site, None, site.upstream_port, load_core)


def _round(
    scenario: Scenario, up: list[Running], number: int, scale: float, measured: Measured
) -> None:
    for one in random.sample(up, len(up)):
        if one.contender.slow and number >= _SLOW_ROUNDS:
            continue
        if scenario.streams and not one.contender.streams:
            continue
        figures = scenario.figures(one, scale)
        measured.setdefault((scenario.name, one.contender.name), []).append(figures)
        said = "  ".join(f"{name} {value:.3f}" for name, value in figures.items())
        print(f"{number + 1} {scenario.name:6} {one.contender.name:22} {said}", flush=True)  # noqa: T201
