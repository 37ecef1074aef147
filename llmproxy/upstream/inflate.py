"""Decompressing a provider's answer in pieces: a small input can have a huge output."""

import zlib

AT_ONCE = 1_000_000  # bytes
_GZIP_OR_ZLIB = 47


class Inflater:
    """Decompresses a body as it arrives, at most ``AT_ONCE`` bytes for each call.

    Its methods raise ``zlib.error`` if the body is not gzip or zlib.
    """

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(_GZIP_OR_ZLIB)
        self.has_more = False

    def feed(self, data: bytes) -> bytes:
        """Return the beginning of the output for the next bytes; b"" if there is none yet."""
        plain = self._zlib.decompress(data, AT_ONCE)
        self.has_more = len(plain) == AT_ONCE
        return plain

    def more(self) -> bytes:
        """Return the next output. More input is allowed only after this returned b""."""
        return self.feed(self._zlib.unconsumed_tail) if self.has_more else b""
