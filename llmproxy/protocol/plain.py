"""Chunks that differ from the one before in their text only, as nearly all do: read unparsed. Pure.

Of a chunk that was parsed the bytes before and after its text are remembered. What begins and ends
with the same bytes, and has nothing between them that JSON would escape, is a chunk of the same
kind: its JSON is right, and it holds no usage, no error and no end.
"""

from typing import Any

import orjson

_MOST_MISSES = 16


class PlainChunks:
    """What the plain chunks of one stream look like."""

    def __init__(self) -> None:
        self.field = ""  # of the delta, in which the text stands
        self._before = self._after = b""
        self._misses = 0

    def text(self, block: bytes) -> str | None:
        """Return what the chunks of a block say, in one; None if they must be parsed."""
        before, after = self._before, self._after
        if not (before and block.startswith(before) and block.endswith(after)):
            return None
        text = block[len(before) : -len(after)]
        if b"\n\n" in text:
            text = b"".join(text.split(after + before))
        if b'"' in text or b"\\" in text:
            return None
        try:
            read = text.decode()
        except UnicodeDecodeError:
            return None
        return read if read.isprintable() else None

    def learn(self, event: bytes, delta: Any) -> None:
        """Remember what a chunk looks like whose delta is nothing but a piece of text.

        Of a stream in which each chunk looks different (OpenAI's ``obfuscation``) no more is tried.
        """
        if self._misses >= _MOST_MISSES or type(delta) is not dict:
            return
        written = [item for item in delta.items() if item[0] != "type"]
        if len(written) != 1:
            return
        self._misses += 1
        ((key, text),) = written
        field = b'"%b":"' % key.encode()
        if type(text) is not str or event.count(field) != 1:
            return
        start = event.index(field) + len(field)
        end = start + len(orjson.dumps(text)) - 2
        if event[start - 1 : end + 1] == orjson.dumps(text):
            self._before, self._after, self.field = event[:start], event[end:], key
