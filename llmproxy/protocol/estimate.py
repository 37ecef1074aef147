"""Estimating the tokens of a prompt without a tokenizer. Pure.

There are two figures: the likely number, for charges when the provider reports no usage, and a
ceiling, for the reservation. The number of characters in a token depends on their kind: four or
five in English prose, one or two in digits and punctuation, little more than one in random letters.
So each kind has its own figures, measured with OpenAI's tokenizers
(tests/llmproxy/token_counts.json). Images and other media are estimated by kind and size
(``llmproxy.protocol.media``), not by the length of their encoding.
"""

import math
import string
from typing import Any

from msgspec import Struct

from llmproxy.protocol import media

PER_MESSAGE = 8
PER_REQUEST = 8
# Bytes of a kind, and the tokens for each byte: likely, and at most. All others are punctuation.
_KINDS: tuple[tuple[bytes, float, float], ...] = (
    (string.ascii_lowercase.encode(), 0.2, 0.34),
    (string.ascii_uppercase.encode(), 0.45, 1.1),
    (string.digits.encode(), 0.5, 0.9),
    (b" \t\r\n", 0.15, 0.34),
    (bytes(range(128, 256)), 0.33, 0.75),
)
_PUNCTUATION = (0.6, 0.9)
# Each byte as the number of its kind: text is translated once, then only counted.
_NUMBERS = bytes(
    next((n for n, (kind, *_) in enumerate(_KINDS) if byte in kind), len(_KINDS))
    for byte in range(256)
)
_READ_BY_THE_MODEL = ("messages", "tools", "functions", "response_format")
_ATTACHMENTS = frozenset(
    ("image_url", "input_image", "image", "input_audio", "file", "input_file", "video_url")
)


class PromptSize(Struct, frozen=True):
    """The tokens of a prompt: the likely number, and the most that is expected.

    ``prompts`` is how many prompts it contains. Each has the whole context of the model.
    """

    likely: int
    ceiling: int
    prompts: int = 1


def prompt_size(body: dict[str, Any], fields: tuple[str, ...] = _READ_BY_THE_MODEL) -> PromptSize:
    """Measure the part of a request body that the model reads: these fields."""
    texts, scalars, found = _read([body[key] for key in fields if key in body])
    likely, ceiling = _tokens(texts)
    frame = PER_REQUEST + PER_MESSAGE * _messages(body)
    for medium in found:
        likely += medium.likely
        ceiling += medium.ceiling
    return PromptSize(likely + scalars, ceiling + 2 * scalars + frame)


def text_size(texts: list[str], *, token_ids: int, prompts: int) -> PromptSize:
    """Measure plain texts and lists of token ids, ``prompts`` in total."""
    likely, ceiling = _tokens(texts)
    return PromptSize(
        likely=likely + token_ids,
        ceiling=ceiling + token_ids + PER_MESSAGE * prompts,
        prompts=prompts,
    )


def _tokens(texts: list[str]) -> tuple[int, int]:
    """Return the likely and the largest number of tokens in texts, by kinds of character."""
    content = "".join(texts).encode(errors="replace")
    kinds = content.translate(_NUMBERS)
    likely = ceiling = 0.0
    rest = len(content)
    for number, (_, each, at_most) in enumerate(_KINDS):
        count = kinds.count(number)
        rest -= count
        likely += count * each
        ceiling += count * at_most
    likely += rest * _PUNCTUATION[0]
    ceiling = max(ceiling + rest * _PUNCTUATION[1], content.count(b" "))
    return math.ceil(likely), math.ceil(ceiling)


def text_tokens(characters: int) -> int:
    """Return the approximate number of tokens in a text of that many characters."""
    return math.ceil(characters / 4)


def _messages(body: dict[str, Any]) -> int:
    messages = body.get("messages", body.get("input"))
    return len(messages) if isinstance(messages, list) else 1


def _read(left: list[Any]) -> tuple[list[str], int, list[media.Size]]:
    """Return the texts, the number of scalars and the media that the model reads."""
    texts: list[str] = []
    found: list[media.Size] = []
    scalars = 0
    while left:  # Not recursive: the client controls the depth of its JSON.
        value = left.pop()
        if isinstance(value, str):
            texts.append(value)
        elif isinstance(value, dict):
            texts.extend(value)
            left.extend(_without_media(value, found))
        elif isinstance(value, list):
            left.extend(value)
        else:
            scalars += 1
    return texts, scalars, found


def _without_media(value: dict[str, Any], found: list[media.Size]) -> list[Any]:
    """Return the parts of an object to be read next, and add its media to ``found``.

    A link to a medium counts as one, because the provider fetches it.
    """
    rest = []
    kind = value.get("type")
    if isinstance(kind, str) and kind in _ATTACHMENTS and not media.has_data(value):
        found.append(media.IMAGE)
        return [value.get("text")]
    for key, part in value.items():
        is_long = type(part) is str and len(part) >= media.SHORTEST
        size = media.size_of(key, part, value) if is_long else None
        if size is None:
            rest.append(part)
        else:
            found.append(size)
    return rest
