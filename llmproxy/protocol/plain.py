"""Reading chunks without parsing if they differ from the previous one only in their text. Pure.

Nearly all chunks do. The bytes before and after the text of a parsed chunk are kept. A chunk that
begins and ends with the same bytes, and has no character between them that JSON would escape, is of
the same kind: its JSON is valid, and it contains no usage, no error and no end.
"""

from contextlib import suppress
from typing import Any

import orjson

_MOST_MISSES = 16


class PlainChunks:
    """The common bytes of the plain chunks of one stream."""

    def __init__(self) -> None:
        self.field = ""  # of the delta that has the text
        self.chunks = 0  # of the text that was read last
        self._before = self._after = b""
        self._between = ""  # the end of one chunk and the beginning of the next
        self._misses = 0

    def text(self, block: bytes) -> str | None:
        """Return the joined text of a block's chunks; None if they must be parsed."""
        before, after = self._before, self._after
        if not (before and block.startswith(before) and block.endswith(after)):
            return None
        try:
            text = block[len(before) : -len(after)].decode()
        except UnicodeDecodeError:
            return None
        self.chunks = 1
        if not text.isprintable():  # More than one chunk, or a character that JSON escapes.
            texts = text.split(self._between)
            self.chunks, text = len(texts), "".join(texts)
            if not text.isprintable():
                return None
        return None if '"' in text or "\\" in text else text

    def learn(self, event: bytes, delta: Any) -> None:
        """Keep the bytes around the text of a chunk whose delta contains only text.

        This stops for a stream whose chunks all differ (OpenAI's ``obfuscation``).
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
            before, after = event[:start], event[end:]
            with suppress(UnicodeDecodeError):  # A comment may have any bytes.
                self._between = (after + before).decode()
                self._before, self._after, self.field = before, after, key
