"""Inflating what providers have compressed, however it is cut and however much it is."""

import gzip
import random
import zlib

import pytest

from llmproxy.upstream.inflate import AT_ONCE, Inflater

NOISE = random.Random(1).randbytes(3_000_000)


def inflated(packed: bytes, size: int) -> list[bytes]:
    inflater, pieces = Inflater(), []
    for at in range(0, len(packed), size):
        piece = inflater.feed(packed[at : at + size])
        while piece:
            pieces.append(piece)
            piece = inflater.more()
    return pieces


@pytest.mark.parametrize("plain", [b"", b"{}", b"x" * 20_000_000, NOISE, NOISE + b"x" * AT_ONCE])
@pytest.mark.parametrize("size", [997, 20_000_000])
@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_inflated_pieces_are_complete_and_bounded(
    plain: bytes, size: int, pack: type[bytes]
) -> None:
    pieces = inflated(pack(plain), size)

    assert b"".join(pieces) == plain
    assert all(len(piece) <= AT_ONCE for piece in pieces)


def test_what_is_not_compressed() -> None:
    with pytest.raises(zlib.error):
        Inflater().feed(b"data: {}\n\n")
