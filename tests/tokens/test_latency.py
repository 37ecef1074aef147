"""Latencies in buckets: what is read from them is as near as is said."""

import pytest

from tokens.usage.latency import BOUNDS, ERROR, percentile


def counts_of(*milliseconds: int) -> list[int]:
    counts = [0] * len(BOUNDS)
    for ms in milliseconds:
        counts[sum(bound <= ms for bound in BOUNDS) - 1] += 1
    return counts


@pytest.mark.parametrize("edge", [0, 1])
def test_any_time_is_read_within_the_error(edge: int) -> None:
    """The first and the last millisecond of each bucket are the farthest from its middle."""
    for bound in BOUNDS[1:]:
        ms = bound - edge
        assert percentile(counts_of(ms), 0.5) == pytest.approx(ms, rel=ERROR)


def test_short_times_are_exact() -> None:
    assert [percentile(counts_of(ms), 0.5) for ms in range(20)] == list(range(20))


def test_more_than_an_hour_reads_as_an_hour() -> None:
    assert percentile(counts_of(10**8), 0.5) == 3_600_000


def test_the_share_that_did_not_take_longer() -> None:
    hundred = counts_of(*[1] * 50, *[5] * 45, *[9] * 5)
    assert [percentile(hundred, share) for share in (0.5, 0.51, 0.95, 0.96, 1)] == [1, 5, 5, 9, 9]


def test_none_of_nothing() -> None:
    assert percentile([], 0.5) is None
    assert percentile(counts_of(), 0.99) is None
