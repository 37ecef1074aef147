"""Measuring a model's output in a chunk of a stream or in a whole answer. Pure.

Providers add fields: everything in a delta or a message except its structure is output of the model
and is charged. Output that is sent twice (``reasoning`` and ``reasoning_details``) counts once.
"""

from typing import Any

from llmproxy.protocol import media

# Fields that are not output, but describe it.
_STRUCTURE = frozenset(
    [
        "role",
        "id",
        "type",
        "index",
        "object",
        "status",
        "format",
        "signature",
        "encrypted_content",
        "expires_at",
        "created",
        "annotations",
        "logprobs",
        "native_finish_reason",
        "finish_reason",
        "stop_reason",
        "call_id",
        "tool_call_id",
        "mime_type",
        "media_type",
        "provider_specific_fields",
        "audio_tokens",
        "usage",
    ]
)
_STRUCTURE_AND_TEXT = _STRUCTURE | {"content"}
_TEXTS = frozenset(("content", "text", "refusal", "reasoning", "reasoning_content"))
# Several forms of the same reasoning.
_THOUGHTS = frozenset(
    [
        "reasoning",
        "reasoning_content",
        "reasoning_text",
        "reasoning_details",
        "thinking",
        "thinking_blocks",
    ]
)
_CHARACTERS = 4  # of a token


# Unusual places of errors and usage.
_ODD = frozenset(("error", "errors", "fault", "usageMetadata", "x_groq"))


def is_remarkable(chunk: dict[str, Any]) -> bool:
    """Return whether a chunk may contain more than output: usage, an error or an end."""
    choices = chunk.get("choices")
    if type(choices) is not list or not choices:
        return True
    if chunk.get("usage") or not _ODD.isdisjoint(chunk):
        return True
    for choice in choices:
        if type(choice) is not dict or choice.get("finish_reason"):
            return True
        if "usage" in choice or "error" in choice:
            return True
    return False


def finished_choices(chunk: dict[str, Any]) -> set[int]:
    """Return the indexes of the choices that end with this chunk."""
    choices = chunk.get("choices")
    if not isinstance(choices, list):
        return set()
    ended = set()
    for one in choices:
        if isinstance(one, dict) and one.get("finish_reason"):
            ended.add(index if isinstance(index := one.get("index"), int) else 0)
    return ended


def output_characters(answer: dict[str, Any] | None) -> int:
    """Count the characters of a model's output in a chunk or in a whole answer.

    A medium counts as the characters of the same number of tokens.
    """
    choices = (answer or {}).get("choices")
    if not isinstance(choices, list):
        return 0
    if len(choices) == 1 and type(choices[0]) is dict:
        return _written(choices[0])
    return sum(_written(choice) for choice in choices if isinstance(choice, dict))


def _written(choice: dict[str, Any]) -> int:
    message = choice.get("delta") or choice.get("message")
    if message is None:
        return sum(_size(choice[key]) for key in ("text", "content") if key in choice)
    if type(message) is dict and len(message) == 1:  # One piece of text, as in most chunks.
        ((key, text),) = message.items()
        if key in _TEXTS and type(text) is str and len(text) < media.SHORTEST:
            return len(text)
    if type(message) is dict and type(text := message.get("content")) is str:
        others = [key for key, part in message.items() if part is not None]
        if len(text) < media.SHORTEST and _STRUCTURE_AND_TEXT.issuperset(others):
            return len(text)  # As in most whole answers.
    return _size(message)


def _size(output: Any) -> int:
    total = 0
    left: list[tuple[Any, str, dict[str, Any]]] = [(output, "", {})]
    while left:  # Not recursive: the provider controls the depth of its JSON.
        value, field, beside = left.pop()
        if isinstance(value, str):
            total += _length(value, field, beside)
        elif isinstance(value, dict):
            thoughts = _THOUGHTS.intersection(value)
            if len(thoughts) > 1:
                total += max(_size({key: value[key]}) for key in thoughts)
            left += [
                (part, key, value)
                for key, part in value.items()
                if key not in _STRUCTURE and not (len(thoughts) > 1 and key in thoughts)
            ]
        elif isinstance(value, list):
            left += [(part, field, beside) for part in value]
        elif value is not None and not isinstance(value, bool):
            total += len(str(value))
    return total


def _length(text: str, field: str, beside: dict[str, Any]) -> int:
    medium = media.size_of(field, text, beside) if len(text) >= media.SHORTEST else None
    return len(text) if medium is None else medium.likely * _CHARACTERS
