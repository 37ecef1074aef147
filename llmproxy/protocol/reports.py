"""Reading the usage that providers report, under any of their names. Pure.

The names of OpenAI, Anthropic, Gemini and gateways are read:

    prompt          prompt_tokens, input_tokens, promptTokenCount
    completion      completion_tokens, output_tokens, candidatesTokenCount
    total           total_tokens, totalTokenCount
    cache reads     *_details.cached_tokens, cached_tokens, prompt_cache_hit_tokens, …
    cache writes    cache_creation_input_tokens, *_details.cache_write_tokens, …
    reasoning       *_details.reasoning_tokens, reasoning_tokens, thoughtsTokenCount

The total has precedence: tokens that it has above the sum of its parts are output of a kind that is
not named. The reports of one stream are merged, with the greatest value of each figure.
"""

import re
from decimal import Decimal, InvalidOperation
from typing import Any

from msgspec import Struct
from msgspec.structs import astuple

from llmproxy.protocol.usage import Usage

_LARGEST = 1_000_000_000
_MOST_USD = 1_000_000
_WHOLE = re.compile(r"\d{1,10}(\.0+)?", re.ASCII)

_PROMPT = ("prompt_tokens", "input_tokens", "promptTokens", "inputTokens", "promptTokenCount")
_COMPLETION = (
    "completion_tokens",
    "output_tokens",
    "completionTokens",
    "outputTokens",
    "candidatesTokenCount",
)
_TOTAL = ("total_tokens", "totalTokens", "totalTokenCount")
_CACHE_READ = (
    "cached_tokens",
    "prompt_cache_hit_tokens",
    "cache_read_input_tokens",
    "cache_read_tokens",
    "cacheReadInputTokens",
    "cachedContentTokenCount",
)
_CACHE_WRITE = (
    "cache_creation_input_tokens",
    "cache_creation_tokens",
    "cache_write_input_tokens",
    "cache_write_tokens",
    "caching_tokens",
    "cacheCreationInputTokens",
)
_REASONING = ("reasoning_tokens", "reasoningTokens", "thoughtsTokenCount")
# The field of a report for each name of a figure.
_OF_CACHE = {
    **dict.fromkeys(_CACHE_READ, "cache_read"),
    **dict.fromkeys(_CACHE_WRITE, "cache_write"),
}
_OF_REASONING = dict.fromkeys(_REASONING, "reasoning")
_OF_USAGE = {
    **dict.fromkeys(_PROMPT, "prompt"),
    **dict.fromkeys(_COMPLETION, "completion"),
    **dict.fromkeys(_TOTAL, "total"),
    **_OF_CACHE,
    **_OF_REASONING,
}
_COSTS = frozenset(("cost", "total_cost", "cost_details"))
_OF_DETAILS = {
    "prompt_tokens_details": _OF_CACHE,
    "input_tokens_details": _OF_CACHE,
    "completion_tokens_details": _OF_REASONING,
    "output_tokens_details": _OF_REASONING,
}


class Report(Struct, frozen=True):
    """The figures of a provider; None for missing ones. The cost is in the provider's unit.

    ``cache_is_apart``: the prompt excludes tokens read from or written to the cache, as in
    Anthropic's counts.
    """

    prompt: int | None = None
    completion: int | None = None
    total: int | None = None
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0
    cost: Decimal | None = None
    cache_is_apart: bool = False

    @property
    def says_nothing_used(self) -> bool:
        """Return whether it has no token count."""
        return not (self.prompt or self.completion or self.total)


def report_in(answer: dict[str, Any]) -> Report | None:
    """Read the usage in an answer or a chunk, from any of the places where providers put it."""
    found = None
    for usage in _usages(answer):
        found = merged(found, read(usage))
    return found


def read(usage: Any) -> Report | None:
    """Read a usage object; None if it is not one, or has no valid count of tokens."""
    if not isinstance(usage, dict):
        return None
    found: dict[str, int] = {}
    _gather(found, usage, _OF_USAGE)
    prompt, completion, total = map(found.get, ("prompt", "completion", "total"))
    if prompt is None and completion is None and total is None:
        return None
    for name, fields in _OF_DETAILS.items():
        if name in usage:
            _gather(found, usage[name], fields)
    return Report(
        prompt,
        completion,
        total,
        found.get("cache_read", 0),
        found.get("cache_write", 0),
        found.get("reasoning", 0),
        _cost(usage),
        "input_tokens" in usage and "cache_read_input_tokens" in usage,
    )


def _gather(found: dict[str, int], part: Any, fields: dict[str, str]) -> None:
    """Add the figures in a part of a usage object; of those for one field, the greatest counts."""
    if not isinstance(part, dict):
        return
    for name, value in part.items():
        field = fields.get(name)
        figure = None if field is None else count(value)
        if field is not None and figure is not None and figure > found.get(field, -1):
            found[field] = figure


def merged(one: Report | None, other: Report | None) -> Report | None:
    """Merge two reports of one answer: each figure is the greater one."""
    if one is None or other is None:
        return one or other
    return Report(*map(_greater, astuple(one), astuple(other)))


def usage_of(report: Report, *, prompt: int, completion: int, writes: bool = True) -> Usage:
    """Return the usage of a report. Missing figures are our own counts, marked as estimated.

    ``prompt`` and ``completion`` are our own counts; ``writes`` is False for models without output.
    """
    reported = _reported_prompt(report, writes=writes)
    written = _reported_completion(report, reported) if writes else 0
    estimated = []
    if reported is None:
        estimated.append("prompt")
        reported = prompt if report.total is None else max(report.total - completion, 0)
    if written is None:
        estimated.append("completion")
        written = completion if report.total is None else max(report.total - reported, 0)
    surplus = max((report.total or 0) - reported - written, 0)
    return Usage(
        prompt=reported,
        completion=written + surplus,
        cache_read=min(report.cache_read, reported),
        reasoning=min(report.reasoning, written + surplus),
        cost=report.cost,
        cache_write=min(report.cache_write, max(reported - report.cache_read, 0)),
        surplus=surplus,
        estimated=frozenset(estimated),
    )


def _reported_prompt(report: Report, *, writes: bool) -> int | None:
    """Return the reported prompt, else the total minus the completion."""
    if not writes:
        reported = [one for one in (report.prompt, report.total) if one is not None]
        return max(reported, default=None)
    if report.prompt is None:
        return _remainder(report.total, report.completion)
    apart = report.cache_read + report.cache_write
    is_apart = apart > 0 and _is_apart(report, report.prompt, apart)
    return report.prompt + (apart if is_apart else 0)


def _reported_completion(report: Report, prompt: int | None) -> int | None:
    """Return the reported completion, else the total minus the prompt."""
    if report.completion is None:
        return _remainder(report.total, prompt)
    if report.total is None and report.reasoning > report.completion:
        return report.completion + report.reasoning  # Reasoning that is larger is not part of it.
    return report.completion


def _is_apart(report: Report, prompt: int, apart: int) -> bool:
    """Return whether the prompt excludes cached tokens: by the total, by name, or by size."""
    if report.total is not None and report.completion is not None:
        return report.total == prompt + report.completion + apart
    return report.cache_is_apart or apart > prompt


def _remainder(total: int | None, part: int | None) -> int | None:
    return None if total is None or part is None else max(total - part, 0)


def _usages(answer: dict[str, Any]) -> list[Any]:
    """Return what is in the places where providers put usage. Groq and Moonshot have their own."""
    holders = (answer, answer.get("x_groq"), *_choices(answer))
    found = [each["usage"] for each in holders if isinstance(each, dict) and each.get("usage")]
    if "usageMetadata" in answer:
        found.append(answer["usageMetadata"])
    return found


def _choices(answer: dict[str, Any]) -> list[Any]:
    choices = answer.get("choices")
    return choices if isinstance(choices, list) else []


def _greater(one: Any, other: Any) -> Any:
    if one is None or other is None:
        return other if one is None else one
    return max(one, other)


def count(value: Any) -> int | None:
    """Read a number of tokens: an integer, also as a string or with a fraction of zero."""
    if type(value) is int:  # as nearly always
        return value if 0 <= value <= _LARGEST else None
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        value = int(value.partition(".")[0])
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value <= _LARGEST and value == int(value) else None


def _cost(usage: dict[str, Any]) -> Decimal | None:
    """Return the cost that the provider reports; None if it is missing or zero.

    Zero may mean that another key at the upstream is billed (OpenRouter's BYOK). Its cost is then
    in another field, or missing.
    """
    if usage.keys().isdisjoint(_COSTS):
        return None
    details = usage.get("cost_details")
    beside = money(details.get("upstream_inference_cost")) if isinstance(details, dict) else None
    cost = money(usage.get("cost", usage.get("total_cost")))
    if usage.get("is_byok") is True:
        return beside and (cost or Decimal(0)) + beside
    return cost or beside or None


def money(value: Any) -> Decimal | None:
    """Read an amount; None unless it is finite, not negative, and of a plausible size."""
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and 0 <= amount < _MOST_USD else None
