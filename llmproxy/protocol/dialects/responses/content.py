"""Translating content parts of Responses to parts of a chat message."""

from typing import Any

from core.errors import InvalidRequest
from llmproxy.protocol.dialects.fields import Fields, Scope, fields_of

Json = dict[str, Any]

_FILES = "stored files are not supported: send the data or a URL."


def parts(value: str | list[Any], path: str, scope: Scope) -> list[Json]:
    """Translate a string or a list of parts from a message or a tool's output."""
    if isinstance(value, str):
        return [{"type": "text", "text": value}]
    return [_part(one) for one in fields_of(value, path, scope)]


def _part(one: Fields) -> Json:
    kind = one.need("type", str)
    if kind in ("input_text", "output_text", "text", "summary_text"):
        if kind == "output_text":
            _skip_empty(one, "annotations", "logprobs")
        part: Json = {"type": "text", "text": one.need("text", str)}
    elif kind == "refusal":
        part = {"type": "refusal", "refusal": one.need("refusal", str)}
    elif kind == "input_image":
        part = _image(one)
    elif kind == "input_file":
        part = {"type": "file", "file": _file(one)}
    else:
        one.refuse("type", f"parts of type {kind!r} have no equivalent in chat completions.")
    return part | one.cache_control() | one.rest()


def _image(one: Fields) -> Json:
    one.refuse_any(("file_id",), _FILES)
    return {
        "type": "image_url",
        "image_url": {"url": one.need("image_url", str)} | one.keep("detail"),
    }


def _file(one: Fields) -> Json:
    one.refuse_any(("file_id",), _FILES)
    url, data = one.take("file_url", str), one.take("file_data", str)
    if url is not None and not one.scope.target.file_urls:
        one.refuse("file_url", "this model accepts only a file's data, not a URL.")
    if url is None and data is None:
        raise InvalidRequest(f"{one.at('file_data')} is required.", param=one.at("file_data"))
    if url is not None and data is not None:
        one.refuse("file_url", "send either file_data or file_url.")
    one.accept("detail", "auto")
    return {"filename": one.take("filename", str) or "document.pdf", "file_data": data or url}


def _skip_empty(one: Fields, *names: str) -> None:
    """Read the empty fields that our answers have beside the text."""
    for name in names:
        if not one.peek(name):
            one.skip(name)
