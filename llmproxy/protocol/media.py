"""Images, audio, video and documents in JSON: detecting them, and estimating their tokens. Pure.

Models do not read the base64 of a medium as text, so its length is no measure. Figures are in
tokens; sizes are of the decoded bytes.

    image       1,000, at most 2,000, whatever its size: providers scale it down
    audio       one for each 1,500 bytes, at most two: 10 a second of compressed speech
    video       one for each 1,000 bytes, at most two
    document    one for each 100 bytes, at most two; at least 1,000
"""

import math
import re
from typing import Any, NamedTuple

SHORTEST = 256

_DATA_URL = re.compile(r"data:([\w.+-]+)/[\w.+-]+[^,]{0,200};base64,", re.ASCII)
_BASE64 = re.compile(r"[A-Za-z0-9+/_=\r\n-]+", re.ASCII)
# The fields in which providers send a medium's plain base64.
_FIELDS = frozenset(
    [
        "data",
        "file_data",
        "image_data",
        "audio_data",
        "video_data",
        "b64_json",
        "base64",
        "b64",
        "bytes",
        "image",
        "image_url",
        "url",
        "audio",
        "video",
        "file",
        "document",
        "inline_data",
    ]
)
_SAMPLE = 4096


class Size(NamedTuple):
    """The likely and the largest number of tokens of a medium."""

    likely: int
    ceiling: int


_PER_BYTE = {"audio": 1 / 1500, "video": 1 / 1000, "document": 1 / 100}
_LEAST = {"audio": 20, "video": 300, "document": 1000}
IMAGE = Size(1000, 2000)


def size_of(field: str, text: str, beside: dict[str, Any]) -> Size | None:
    """Return the size of the medium that a string encodes; None if it is text.

    ``beside`` is the object that has the string in ``field``. It may have the medium's kind.
    """
    if len(text) < SHORTEST:
        return None
    url = _DATA_URL.match(text)
    if url:
        return _size(_kind_of_type(url[1]), len(text) - url.end())
    if field in _FIELDS and _BASE64.fullmatch(text, 0, _SAMPLE):
        return _size(_kind_beside(field, beside), len(text))
    return None


def has_data(part: Any) -> bool:
    """Return whether a part of a message contains a medium's data, not only a reference."""
    left = [part]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            texts = [(key, one) for key, one in value.items() if isinstance(one, str)]
            if any(size_of(key, text, value) for key, text in texts):
                return True
            left += value.values()
        elif isinstance(value, list):
            left += value
    return False


def _size(kind: str, encoded: int) -> Size:
    if kind == "image":
        return IMAGE
    likely = max(math.ceil(encoded * 3 / 4 * _PER_BYTE[kind]), _LEAST[kind])
    return Size(likely, 2 * likely)


def _kind_of_type(main: str) -> str:
    return main if main in ("image", "audio", "video") else "document"


def _kind_beside(field: str, beside: dict[str, Any]) -> str:
    """Return the kind by the fields beside the data: a media type, format or file name."""
    labels = [field]
    labels += [
        value
        for key in ("media_type", "mime_type", "mimeType", "format", "type", "filename")
        if isinstance(value := beside.get(key), str)
    ]
    words = " ".join(labels).lower()
    if re.search(r"\b(wav|mp3|flac|opus|pcm16|aac|ogg|m4a)\b|audio", words):
        return "audio"
    if re.search(r"\b(mp4|webm|mov|mpeg)\b|video", words):
        return "video"
    if re.search(r"\b(png|jpe?g|gif|webp)\b|image|b64_json", words):
        return "image"
    return "document"
