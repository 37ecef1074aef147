"""Decompressing request bodies, within the size limit for uncompressed bodies. Pure."""

import zlib

from django.conf import settings

from core.errors import InvalidRequest, PayloadTooLarge, UnsupportedMediaType

# zlib's window bits: only gzip, and zlib's own format, which HTTP calls deflate.
_WINDOWS = {"gzip": 31, "x-gzip": 31, "deflate": 15}
_UNDERSTOOD = "gzip, deflate, identity"
_MOST_LAYERS = 3


def decoded(body: bytes, encoding: str) -> bytes:
    """Decode a body according to its ``Content-Encoding``, whose last coding was applied last.

    Raises ``UnsupportedMediaType``, whose message lists the supported encodings,
    ``PayloadTooLarge``, or ``InvalidRequest`` if the body does not have this encoding.
    """
    layers = [name for each in encoding.lower().split(",") if (name := each.strip()) != ""]
    if len(layers) > _MOST_LAYERS or not all(
        name in _WINDOWS or name == "identity" for name in layers
    ):
        raise UnsupportedMediaType(
            f"Content-Encoding {encoding!r} is not supported: send {_UNDERSTOOD}.",
            headers={"Accept-Encoding": _UNDERSTOOD},
        )
    for name in reversed(layers):
        if name != "identity":
            body = _inflated(body, name)
    return body


def _inflated(body: bytes, name: str) -> bytes:
    most = settings.MAX_LLM_BODY_BYTES
    try:
        return _plain(body, _WINDOWS[name], most)
    except zlib.error as error:
        if name == "deflate":  # Some clients send raw deflate data, which browsers accept, too.
            try:
                return _plain(body, -15, most)
            except zlib.error:
                pass
        raise InvalidRequest(f"The body is not valid {name}.") from error


def _plain(body: bytes, window: int, most: int) -> bytes:
    inflater = zlib.decompressobj(window)
    plain = inflater.decompress(body, most + 1)
    if len(plain) > most:
        raise PayloadTooLarge
    if not inflater.eof or inflater.unused_data:
        raise zlib.error("the compressed data and the body do not end together")
    return plain
