"""Prepares the product's data, plays the scenes that were asked for, and tells."""

import argparse
import sys

from tests.drill import report, tls
from tests.drill.scenes import SCENES, Drill
from tests.drill.site import Site
from tests.load import proxy
from tests.load.chaos.callers import MODEL


def run(site: Site, options: argparse.Namespace) -> int:
    """Returns the exit status."""
    wanted = set(filter(None, options.scenes.split(",")))
    proxy.prepare()
    proxy.serve(MODEL, provider="openrouter")
    site.start_hosts()
    drill = Drill(site, rate=options.rate, streams=options.streams)
    found = tls.faults(str(site.authority.root))
    _say(f"TLS: {'; '.join(found) or 'only 1.2 and 1.3 with forward secrecy, and HSTS'}")
    _say(report.HEAD)
    for make in SCENES:
        scene = make()
        if not wanted or scene.name in wanted:
            found += drill.run(scene).faults
    _say("\n".join(found[:50] or ["everything holds"]))
    if options.write:
        rows = "\n".join(outcome.row() for outcome in drill.outcomes)
        report.write(options.write, f"{report.HEAD}\n{rows}")
    return 1 if found else 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
