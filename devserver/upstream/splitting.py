"""Splitting bytes at unusual places, for tests of parsers."""

from itertools import pairwise


def split(data: bytes) -> list[bytes]:
    """The data, cut inside ``data:``, inside every multi-byte character and in a blank line."""
    cuts = {position + 1 for position, byte in enumerate(data) if byte >= 0xC0}
    if data.startswith(b"data:"):
        cuts.add(2)
    if len(data) > 1:
        cuts.add(len(data) - 1)
    edges = [0, *sorted(cuts), len(data)]
    return [data[start:end] for start, end in pairwise(edges) if end > start]
