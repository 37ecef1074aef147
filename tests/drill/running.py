"""Prepares the product's data, plays the scenes that were asked for, and tells."""

import argparse
import sys

from tests.drill import former, report, tls
from tests.drill.addresses import EDGE
from tests.drill.scenes import SCENES, Drill, Upgrade, replace
from tests.drill.site import Site
from tests.load import proxy
from tests.load.chaos import people
from tests.load.chaos.callers import MODEL


def run(site: Site, options: argparse.Namespace) -> int:
    """Returns the exit status."""
    wanted = set(filter(None, options.scenes.split(",")))
    code = former.code(site.folder) if not wanted or "upgrade" in wanted else None
    if code:
        how = site.former(EDGE, code)
        keys = former.prepare(how.pop("code"), how)
    else:
        proxy.prepare()
        proxy.serve(MODEL, provider="openrouter")
        keys = people.with_keys(200, tier=people.plan("drill"))
    site.start_hosts(code)
    drill = Drill(site, rate=options.rate, streams=options.streams, keys=keys)
    found = tls.faults(str(site.authority.root))
    _say(f"TLS: {'; '.join(found) or 'only 1.2 and 1.3 with forward secrecy, and HSTS'}")
    _say(report.HEAD)
    if code:
        found += drill.run(Upgrade(code)).faults
        _use_this_version(site)
    for make in SCENES:
        scene = make()
        if not wanted or scene.name in wanted:
            found += drill.run(scene).faults
    _say("\n".join(found[:50] or ["everything holds"]))
    if options.write:
        report.write(options.write, drill.outcomes, rate=options.rate, streams=options.streams)
    return 1 if found else 0


def _use_this_version(site: Site) -> None:
    """Start what the upgrade has left with the settings of the former version."""
    for number in (0, 1):
        replace(site, number)
    site.worker.stop()
    site.beat.stop()
    site.start_jobs()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
