"""Translating content blocks of a request to parts of a chat message."""

from typing import Any

from core.errors import InvalidRequest
from llmproxy.protocol.dialects.fields import Fields, Scope, fields_of

Json = dict[str, Any]

_FILES = "stored files are not supported: send the data or a URL."


def parts(value: Any, path: str, scope: Scope) -> list[Json]:
    """Translate a string or a list of text, image and document blocks."""
    if isinstance(value, str):
        return [{"type": "text", "text": value}]
    if not isinstance(value, list):
        raise InvalidRequest(f"{path} must be a string or a list of blocks.", param=path)
    return [part for block in fields_of(value, path, scope) for part in block_parts(block)]


def block_parts(block: Fields) -> list[Json]:
    """Translate one block; a document may become several parts."""
    kind = block.need("type", str)
    if kind == "text":
        found = [{"type": "text", "text": block.need("text", str)}]
    elif kind == "image":
        found = [_image(block)]
    elif kind == "document":
        found = _document(block)
    else:
        block.refuse("type", f"blocks of type {kind!r} have no equivalent in chat completions.")
    found[-1] |= block.cache_control() | block.rest()
    return found


def _image(block: Fields) -> Json:
    source = _source(block)
    kind = source.need("type", str)
    if kind == "base64":
        media, data = source.need("media_type", str), source.need("data", str)
        url = f"data:{media};base64,{data}"
    elif kind == "url":
        url = source.need("url", str)
    else:
        source.refuse("type", _FILES)
    source.done()
    return {"type": "image_url", "image_url": {"url": url}}


def _document(block: Fields) -> list[Json]:
    """Translate a document. Its title and context precede it as text."""
    title, context = block.take("title", str), block.take("context", str)
    if citations := block.object("citations"):
        citations.accept("enabled", False, reason="citations are not supported.")
        citations.done()
    source = _source(block)
    kind = source.need("type", str)
    about = [f"Document: {title}"] if title else []
    about += [context] if context else []
    if kind == "text":
        source.accept("media_type", "text/plain")
        body = [{"type": "text", "text": source.need("data", str)}]
    elif kind == "content":
        body = parts(source.need("content"), source.at("content"), block.scope)
    elif kind in ("base64", "url"):
        about = about[1:] if title else about
        body = [{"type": "file", "file": _file(source, kind, title)}]
    else:
        source.refuse("type", _FILES)
    source.done()
    if not body:
        source.refuse("content", "it must not be empty.")
    return [*({"type": "text", "text": text} for text in about), *body]


def _file(source: Fields, kind: str, title: str | None) -> Json:
    if kind == "url":
        if not source.scope.target.file_urls:
            source.refuse("url", "this model accepts only a document's data, not a URL.")
        data = source.need("url", str)
    else:
        media = source.need("media_type", str)
        data = f"data:{media};base64,{source.need('data', str)}"
    return {"filename": title or "document.pdf", "file_data": data}


def _source(block: Fields) -> Fields:
    source = block.object("source")
    if source is None:
        raise InvalidRequest(f"{block.at('source')} is required.", param=block.at("source"))
    return source
