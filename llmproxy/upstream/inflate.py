"""Inflating what a provider has compressed, piece by piece: a small input may be a huge output."""

import zlib

AT_ONCE = 1_000_000  # bytes
_GZIP_OR_ZLIB = 47


class Inflater:
    """Takes a compressed body as it comes and gives it back plain, ``AT_ONCE`` bytes at most.

    Its methods raise ``zlib.error`` when the body is not gzip or zlib.
    """

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(_GZIP_OR_ZLIB)
        self._has_more = False

    def feed(self, data: bytes) -> bytes:
        """Return the beginning of what the next bytes say, b"" if that is nothing yet."""
        plain = self._zlib.decompress(data, AT_ONCE)
        self._has_more = len(plain) == AT_ONCE
        return plain

    def more(self) -> bytes:
        """Return what comes after that; only when it is b"" may more be fed."""
        return self.feed(self._zlib.unconsumed_tail) if self._has_more else b""
