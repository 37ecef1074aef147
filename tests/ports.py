"""Ports for the servers of tests: no two workers of pytest are given the same.

They are below the ephemeral ones, which outgoing connections take at any time.
"""

import itertools
import os
import random
import socket

_FIRST, _LAST = 20_000, 32_767
_EACH = 1_000
_WORKERS = (_LAST - _FIRST + 1) // _EACH


def _of_this_process() -> list[int]:
    """Return those of this worker, in an order of its own: others may run these tests, too."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _WORKERS
    first = _FIRST + worker * _EACH
    return random.sample(range(first, first + _EACH), _EACH)


_ports = itertools.cycle(_of_this_process())


def free_port() -> int:
    """Return a port on which nobody listens, and which was not given out for long."""
    for port in _ports:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
    raise AssertionError  # A cycle has no end.
