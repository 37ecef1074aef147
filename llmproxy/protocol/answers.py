"""Converting a whole answer to a stream of events, and a stream to a whole answer. Pure.

Some providers send one where the other was requested.
"""

from collections.abc import Iterable
from typing import Any

from llmproxy.protocol import sse
from llmproxy.protocol.output import finished_choices, output_characters

Answer = dict[str, Any]

_CHUNKS = {"chat.completion": "chat.completion.chunk"}
_WHOLES = {"chat.completion.chunk": "chat.completion"}


def is_empty(answer: Answer, field: str) -> bool:
    """Return whether the ``field`` of an answer is empty.

    It is empty without an embedding, or without a choice that has content or a finish reason.
    """
    value = answer.get(field)
    if not isinstance(value, list) or not value:
        return True
    return field == "choices" and not output_characters(answer) and not finished_choices(answer)


def as_stream(answer: Answer) -> bytes:
    """Write an answer as the events of a stream."""
    rest = {key: value for key, value in answer.items() if key != "usage"}
    rest["object"] = _CHUNKS.get(str(answer.get("object")), answer.get("object"))
    choices = [one for one in answer.get("choices") or [] if isinstance(one, dict)]
    kept = [{**rest, "choices": [_delta(choice)]} for choice in choices]
    ends = [{**rest, "choices": [_end(choice)]} for choice in choices]
    usage = [{**rest, "choices": [], "usage": answer["usage"]}] if answer.get("usage") else []
    return b"".join(map(sse.event, [*kept, *ends, *usage])) + sse.DONE


def _delta(choice: Answer) -> Answer:
    kept = {key: value for key, value in choice.items() if key != "message"}
    if isinstance(message := choice.get("message"), dict):
        kept["delta"] = {**message}
        if isinstance(calls := message.get("tool_calls"), list):
            kept["delta"]["tool_calls"] = [
                {"index": at, **call} for at, call in enumerate(calls) if isinstance(call, dict)
            ]
    return {**kept, "finish_reason": None}


def _end(choice: Answer) -> Answer:
    nothing: Answer = {"delta": {}} if "message" in choice else {"text": ""}
    return {
        "index": choice.get("index", 0),
        **nothing,
        "finish_reason": choice.get("finish_reason") or "stop",
    }


def as_answer(chunks: Iterable[Answer]) -> Answer:
    """Assemble the chunks of a stream into a whole answer."""
    answer: Answer = {}
    choices: dict[int, Answer] = {}
    for chunk in chunks:
        answer |= {key: value for key, value in chunk.items() if value}
        for choice in chunk.get("choices") or []:
            if isinstance(choice, dict):
                index = choice.get("index")
                _add(choices.setdefault(index if isinstance(index, int) else 0, {}), choice)
    answer["object"] = _WHOLES.get(str(answer.get("object")), answer.get("object"))
    answer["choices"] = [_whole(index, choices[index]) for index in sorted(choices)]
    return answer


def _add(whole: Answer, part: Answer) -> None:
    """Merge a part into a message: texts are joined, list items are matched by ``index``."""
    for key, value in part.items():
        before = whole.get(key)
        if key in _CONSTANT or before is None or type(before) is not type(value):
            if value is not None or key not in whole:
                whole[key] = _copy(value)
        elif isinstance(value, str):
            whole[key] = before + value
        elif isinstance(value, dict):
            _add(before, value)
        elif isinstance(value, list):
            _add_items(before, value)
        else:
            whole[key] = value


_CONSTANT = frozenset(("index", "id", "type", "role", "finish_reason", "object", "model", "name"))


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        copy: Answer = {}
        _add(copy, value)
        return copy
    if isinstance(value, list):
        items: list[Any] = []
        _add_items(items, value)
        return items
    return value


def _add_items(whole: list[Any], parts: list[Any]) -> None:
    for part in parts:
        known = _same(whole, part)
        if known is None:
            whole.append(_copy(part))
        else:
            _add(known, part)


def _same(whole: list[Any], part: Any) -> Answer | None:
    """Return the item that a part continues: the one with the same ``index``."""
    if not isinstance(part, dict) or not isinstance(part.get("index"), int):
        return None
    return next(
        (one for one in whole if isinstance(one, dict) and one.get("index") == part["index"]), None
    )


def _whole(index: int, choice: Answer) -> Answer:
    kept = {key: value for key, value in choice.items() if key not in ("delta", "message")}
    parts = [part for name in ("message", "delta") if isinstance(part := choice.get(name), dict)]
    if parts:
        message: Answer = {"role": "assistant", "content": None}
        for part in parts:
            message |= part
        calls = message.get("tool_calls")
        for call in calls if isinstance(calls, list) else []:
            if isinstance(call, dict):
                call.pop("index", None)
        kept["message"] = message
    return {**kept, "index": index, "finish_reason": choice.get("finish_reason") or "stop"}
