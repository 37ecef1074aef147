"""Applying migrations and seeding data in one process.

Prints a line of JSON for each event; the last one has the result of ``seed_demo``. The supervisor
runs it: ``python -m devserver.supervisor.setup``.
"""

import gc
import io
import json
import os
import sys
import time
import traceback
from typing import Any

import django
from django.core.cache import cache
from django.core.management import call_command

STEPS: dict[str, dict[str, Any]] = {
    "migrate": {"interactive": False},
    "seed_plans": {},
    "seed_clients": {},
    "sync_models": {},
    "seed_demo": {"json": True},
}


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    # Migrations make and drop 6,000 model classes. To look for garbage meanwhile takes a quarter of
    # the time; to keep it takes 250 MB, until this process ends.
    gc.disable()
    django.setup()
    output = ""
    for step, options in STEPS.items():
        _tell(begin=step)
        started = time.monotonic()
        output, works = _run(step, options)
        _tell(finish=step, seconds=time.monotonic() - started, output=output, works=works)
        if not works:
            return 1
    _await_the_worker()
    _tell(demo=json.loads(output.splitlines()[-1]))
    return 0


def _run(step: str, options: dict[str, Any]) -> tuple[str, bool]:
    out = io.StringIO()
    try:
        call_command(step, stdout=out, stderr=out, no_color=True, **options)
    except Exception:  # noqa: BLE001 - every error must be shown
        traceback.print_exc(file=out)
        return out.getvalue(), False
    return out.getvalue(), True


def _await_the_worker() -> None:
    """Make readiness wait for the new worker's first heartbeat, not for beat's first round."""
    from config.tasks import HEARTBEAT_KEY, heartbeat  # needs the apps

    cache.delete(HEARTBEAT_KEY)
    heartbeat.delay()


def _tell(**event: Any) -> None:
    print(json.dumps(event), flush=True)  # noqa: T201 - the supervisor reads it


if __name__ == "__main__":
    sys.exit(main())
