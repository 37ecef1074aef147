"""The input of a legacy completion or an embedding: a text, several, or lists of token ids.

https://platform.openai.com/docs/api-reference/completions and …/embeddings. Pure.
"""

from typing import Any, NoReturn

from core.errors import InvalidRequest
from llmproxy.protocol.estimate import PromptSize, text_size

Input = str | list[int]

MOST_INPUTS = 2048


def read(body: dict[str, Any], name: str) -> list[Input]:
    """Return the inputs in a field, each a text or a list of token ids.

    Raises ``InvalidRequest`` with the field's name.
    """
    value = body.get(name)
    if isinstance(value, str) or (isinstance(value, list) and value and _is_id(value[0])):
        value = [value]
    if not isinstance(value, list) or not value or len(value) > MOST_INPUTS:
        _refuse(name)
    if not all(map(_is_input, value)):
        _refuse(name)
    inputs: list[Input] = value
    return inputs


def size(inputs: list[Input], *more: Any) -> PromptSize:
    """Measure the inputs, and other texts that the model reads. A token id is one token."""
    ids = sum(len(each) for each in inputs if isinstance(each, list))
    texts = [each for each in (*inputs, *more) if isinstance(each, str)]
    return text_size(texts, token_ids=ids, prompts=len(inputs))


def _is_id(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**31


def _is_input(value: Any) -> bool:
    return isinstance(value, str) or (
        isinstance(value, list) and bool(value) and all(map(_is_id, value))
    )


def _refuse(name: str) -> NoReturn:
    raise InvalidRequest(
        f"{name} must be a text, a list of token ids, or a list of up to {MOST_INPUTS} of either.",
        param=name,
    )
