"""How many tokens a prompt can have, without a tokenizer. Pure.

Two figures: what is likely, for a charge when nobody reports usage, and a ceiling, for the hold.
English text has about 4 characters a token and program code about 3; so the ceiling takes 3 ASCII
characters, or 2 bytes of anything else, for a token. An image or another attachment counts as a
fixed sum, not by the size of its encoding.
"""

import math
from typing import Any

PER_MESSAGE = 8
PER_REQUEST = 8
PER_ATTACHMENT = 2_000
_SCALAR = 6  # Characters: a number, true or null is a token or two.
_READ_BY_THE_MODEL = ("messages", "prompt", "input", "tools", "functions", "response_format")
_ATTACHMENTS = frozenset(
    ("image_url", "input_image", "image", "input_audio", "file", "input_file", "video_url")
)


def prompt_ceiling(body: dict[str, Any]) -> int:
    """Return the most tokens that the prompt of a request body is expected to have."""
    ascii_characters, other_bytes, attachments = _measure(body)
    return (
        math.ceil(ascii_characters / 3)
        + math.ceil(other_bytes / 2)
        + attachments * PER_ATTACHMENT
        + _frame(body)
    )


def prompt_likely(body: dict[str, Any]) -> int:
    """Return about how many tokens the prompt of a request body has."""
    ascii_characters, other_bytes, attachments = _measure(body)
    return (
        text_tokens(ascii_characters)
        + math.ceil(other_bytes / 3)
        + attachments * PER_ATTACHMENT // 2
    )


def text_tokens(characters: int) -> int:
    """Return about how many tokens a text of that many characters has."""
    return math.ceil(characters / 4)


def _frame(body: dict[str, Any]) -> int:
    messages = body.get("messages")
    return PER_REQUEST + PER_MESSAGE * (len(messages) if isinstance(messages, list) else 1)


def _measure(body: dict[str, Any]) -> tuple[int, int, int]:
    """Count ASCII characters, bytes of others, and attachments in what the model reads."""
    plain = other = attachments = 0
    left = [body[key] for key in _READ_BY_THE_MODEL if key in body]
    while left:  # Not by recursion: a client chooses how deep its JSON goes.
        value = left.pop()
        if isinstance(value, str):
            here = len(value) if value.isascii() else sum(map(str.isascii, value))
            plain += here
            other += 0 if value.isascii() else len(value.encode("utf-8", "replace")) - here
        elif isinstance(value, dict):
            if value.get("type") in _ATTACHMENTS:
                attachments += 1
            else:
                plain += sum(map(len, value))
                left.extend(value.values())
        elif isinstance(value, list):
            left.extend(value)
        else:
            plain += _SCALAR
    return plain, other, attachments
