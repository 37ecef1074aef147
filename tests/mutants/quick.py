"""pytest plugin: has a mutant killed soon, by the quickest of the tests that notice it.

It leaves out the tests that start a server, and those that try examples unless MUTANTS_EXAMPLES is
set: they would take long for a mutant. A test that takes many times longer than without it waits
for what never comes: SIGALRM ends that.
"""

import json
import os
import signal
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest

_SERVERS = {"web", "upstream"}  # fixtures
_DURATIONS = Path("mutmut-stats.json")  # of each test, as mutmut has measured them
_UNKNOWN = 2.0  # seconds
_seconds = pytest.StashKey[float]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out = [one for one in items if _takes_long(one)]
    config.hook.pytest_deselected(items=left_out)
    known = json.loads(_DURATIONS.read_text())["duration_by_test"] if _DURATIONS.exists() else {}
    items[:] = [one for one in items if one not in left_out]
    expect(items, known)
    items.sort(key=lambda one: one.stash[_seconds])


def expect(items: Iterable[pytest.Item], known: Mapping[str, float]) -> None:
    """Say how long each test takes without a mutant, by its name."""
    for one in items:
        one.stash[_seconds] = known.get(one.nodeid, _UNKNOWN)


def _takes_long(item: pytest.Item) -> bool:
    tries_examples = getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
    if tries_examples and "MUTANTS_EXAMPLES" not in os.environ:
        return True
    return not _SERVERS.isdisjoint(getattr(item, "fixturenames", ()))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    signal.alarm(4 + round(10 * item.stash[_seconds]))
    try:
        return (yield)
    finally:
        signal.alarm(0)
