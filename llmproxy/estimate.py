"""How many tokens a prompt can have, without a tokenizer. Pure.

Two figures: what is likely, for a charge when nobody reports usage, and a ceiling, for the hold.
English text has about 4 characters a token and program code about 3; so the ceiling takes 3 ASCII
characters, or 2 bytes of anything else, for a token. An image or another attachment counts as a
fixed sum, not by the size of its encoding.
"""

import math
from dataclasses import dataclass
from typing import Any

PER_MESSAGE = 8
PER_REQUEST = 8
PER_ATTACHMENT = 2_000
_SCALAR = 6  # Characters: a number, true or null is a token or two.
_READ_BY_THE_MODEL = ("messages", "tools", "functions", "response_format")
_ATTACHMENTS = frozenset(
    ("image_url", "input_image", "image", "input_audio", "file", "input_file", "video_url")
)


@dataclass(frozen=True)
class PromptSize:
    """A prompt in tokens: about how many it has, and the most that it is expected to have.

    ``prompts`` tells how many it is made of: each has the model's context to itself.
    """

    likely: int
    ceiling: int
    prompts: int = 1


def prompt_size(body: dict[str, Any]) -> PromptSize:
    """Measure what the model will read of a request body."""
    plain, other, attachments = _measure([body[key] for key in _READ_BY_THE_MODEL if key in body])
    frame = PER_REQUEST + PER_MESSAGE * _messages(body)
    return PromptSize(
        likely=text_tokens(plain) + math.ceil(other / 3) + attachments * PER_ATTACHMENT // 2,
        ceiling=math.ceil(plain / 3) + math.ceil(other / 2) + attachments * PER_ATTACHMENT + frame,
    )


def text_size(texts: list[str], *, token_ids: int, prompts: int) -> PromptSize:
    """Measure plain texts and lists of token ids, which are ``prompts`` in all."""
    plain, other, _ = _measure([*texts])
    return PromptSize(
        likely=text_tokens(plain) + math.ceil(other / 3) + token_ids,
        ceiling=math.ceil(plain / 3) + math.ceil(other / 2) + token_ids + PER_MESSAGE * prompts,
        prompts=prompts,
    )


def text_tokens(characters: int) -> int:
    """Return about how many tokens a text of that many characters has."""
    return math.ceil(characters / 4)


def _messages(body: dict[str, Any]) -> int:
    messages = body.get("messages")
    return len(messages) if isinstance(messages, list) else 1


def _measure(left: list[Any]) -> tuple[int, int, int]:
    """Count ASCII characters, bytes of others, and attachments in what the model reads."""
    plain = other = attachments = 0
    while left:  # Not by recursion: a client chooses how deep its JSON goes.
        value = left.pop()
        if isinstance(value, str):
            here = len(value) if value.isascii() else len(value.encode("ascii", "ignore"))
            plain += here
            other += 0 if value.isascii() else len(value.encode("utf-8", "replace")) - here
        elif isinstance(value, dict):
            plain += sum(map(len, value))
            found = _attachments(value.get("content"))
            attachments += len(found)
            left.extend(part for key, part in value.items() if key != "content" or not found)
            left.extend(_rest(value["content"], found) if found else ())
        elif isinstance(value, list):
            left.extend(value)
        else:
            plain += _SCALAR
    return plain, other, attachments


def _attachments(content: Any) -> list[Any]:
    """Return the parts of a message's content that are not text."""
    if not isinstance(content, list):
        return []
    return [
        part
        for part in content
        if isinstance(part, dict)
        and isinstance(part.get("type"), str)
        and part["type"] in _ATTACHMENTS
    ]


def _rest(content: list[Any], attachments: list[Any]) -> list[Any]:
    """Return what is text in a content: the other parts, and what an attachment says beside."""
    known = set(map(id, attachments))
    return [part.get("text") if id(part) in known else part for part in content]
