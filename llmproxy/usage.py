"""What a request used: read from the upstream's own report, or counted here. Pure."""

import re
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

import orjson

from llmproxy import sse
from llmproxy.estimate import text_tokens

_TEXTS = frozenset(("content", "text", "refusal", "reasoning", "reasoning_content"))
_FOLD_AT = 256_000
# A count without a tokenizer must be past doubt before a stream is cut for it.
_LOOK_EVERY = 64
_CLEARLY = 1.5
_BY_FAR = 16
_LARGEST = 1_000_000_000


class Usage(NamedTuple):
    """Token counts; `cached` is part of `prompt`, `reasoning` of `completion`. Cost in USD."""

    prompt: int = 0
    completion: int = 0
    cached: int = 0
    reasoning: int = 0
    cost: Decimal | None = None


def reported(value: Any) -> Usage | None:
    """Read an OpenAI `usage` object; None when it is missing or makes no sense.

    OpenRouter and Requesty add `cost` (USD); embeddings have no completion tokens.
    """
    if not isinstance(value, dict):
        return None
    prompt = _count(value.get("prompt_tokens"))
    completion = _count(value.get("completion_tokens", 0))
    if prompt is None or completion is None:
        return None
    return Usage(
        prompt=prompt,
        completion=completion,
        cached=_detail(value.get("prompt_tokens_details"), "cached_tokens"),
        reasoning=_detail(value.get("completion_tokens_details"), "reasoning_tokens"),
        cost=_money(value.get("cost", value.get("total_cost"))),
    )


class OutputTally:
    """Keeps a stream's events until somebody needs to count the output in them.

    Most streams report their usage, so that nothing is ever parsed. Memory is bounded: past
    256 kB the events are counted and dropped.
    """

    def __init__(self) -> None:
        self._blocks: list[bytes] = []
        self._size = 0
        self._characters = 0
        self._events = 0

    def add(self, block: bytes) -> None:
        self._blocks.append(block)
        self._size += len(block)
        if self._size > _FOLD_AT:
            self._fold()

    def add_characters(self, characters: int) -> None:
        self._characters += characters

    def passes(self, tokens: int) -> bool:
        """Tell whether the output is clearly longer than so many tokens; looks now and then.

        A run of spaces or dashes is one token, however long. Most providers send each token as an
        event, so what has fewer events than that must be longer by far.
        """
        if len(self._blocks) < _LOOK_EVERY:
            return False
        written = self.tokens()
        clearly = _CLEARLY if self._events > tokens else _BY_FAR
        return written > tokens * clearly + _LOOK_EVERY

    def tokens(self) -> int:
        """Return how many tokens the output is likely to have."""
        self._fold()
        return text_tokens(self._characters)

    def _fold(self) -> None:
        block = b"".join(self._blocks)
        self._events += block.count(b"data:")
        written = _plain_characters(block)
        if written is None:
            written = sum(map(output_characters, sse.payloads(block)))
        self._characters += written
        self._blocks.clear()
        self._size = 0


# Events of nothing but plain text, written without spaces, as nearly all are. A quote inside JSON
# text is escaped, so these marks cannot be spelled by a model's answer, bar the last.
_CONTENT = re.compile(rb'"content":"((?:[^"\\]|\\.)*+)"')
_NOT_PLAIN = (
    b'"reasoning',
    b'"refusal":"',
    b'"text":',
    b'"tool_calls":',
    b'"logprobs":{',
    b'": ',
)


def _plain_characters(block: bytes) -> int | None:
    """Count the characters of events that hold plain text only, unparsed; None for others."""
    if any(mark in block for mark in _NOT_PLAIN):
        return None
    texts = _CONTENT.findall(block)
    if len(texts) > block.count(b"data:"):
        return None
    try:
        return len(orjson.loads(b'"%b"' % b"".join(texts)))
    except orjson.JSONDecodeError:
        return None


def finished_choices(chunk: dict[str, Any]) -> set[int]:
    """Return the indexes of the choices that come to their end with this chunk."""
    choices = chunk.get("choices")
    if not isinstance(choices, list):
        return set()
    ended = [one for one in choices if isinstance(one, dict) and one.get("finish_reason")]
    return {index if isinstance(index := one.get("index"), int) else 0 for one in ended}


def output_characters(answer: dict[str, Any] | None) -> int:
    """Count the characters that a model wrote, in a chunk or in a whole answer."""
    choices = (answer or {}).get("choices")
    if not isinstance(choices, list):
        return 0
    return sum(_written(choice) for choice in choices if isinstance(choice, dict))


def _written(choice: dict[str, Any]) -> int:
    message = choice.get("delta") or choice.get("message") or choice
    if not isinstance(message, dict):
        return 0
    calls = message.get("tool_calls")
    if len(message) == 1 and calls is None:  # One piece of text, as in nearly every chunk.
        ((key, text),) = message.items()
        return len(text) if key in _TEXTS and isinstance(text, str) else 0
    texts = [message.get(key) for key in ("content", "text", "refusal")]
    texts.append(message.get("reasoning") or message.get("reasoning_content"))
    for call in calls if isinstance(calls, list) else []:
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict):
            texts += [function.get("name"), function.get("arguments")]
    return sum(len(text) for text in texts if isinstance(text, str))


def _count(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value <= _LARGEST and value == int(value) else None


def _detail(details: Any, key: str) -> int:
    return (_count(details.get(key)) or 0) if isinstance(details, dict) else 0


def _money(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and 0 <= amount < _LARGEST // 1000 else None
