"""The vendors' own packages as readers of what we write: strict models and accumulators."""

import json
from collections.abc import Iterable
from typing import Any

from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import Message, RawMessageStreamEvent
from openai import omit
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

Json = dict[str, Any]

_MESSAGES_EVENT: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
_RESPONSES_EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


def events(written: Iterable[bytes]) -> list[Json]:
    """Read events as a client does, and hold each one's name to its type."""
    found = []
    for raw in b"".join(written).split(b"\n\n"):
        if not raw:
            continue
        name, data = raw.split(b"\n", 1)
        payload = json.loads(data.removeprefix(b"data: "))
        assert name == b"event: " + payload["type"].encode()
        found.append(payload)
    return found


def message_of(written: Iterable[bytes]) -> Json:
    """Return the message that Anthropic's package makes of a stream."""
    snapshot: Any = None
    buffers: dict[int, bytes] = {}
    for payload in events(written):
        if payload["type"] == "ping":
            continue
        event = _MESSAGES_EVENT.validate_python(payload, strict=True)
        snapshot = accumulate_event(event=event, current_snapshot=snapshot, json_bufs=buffers)
    result: Json = snapshot.to_dict()
    return result


def response_of(written: Iterable[bytes]) -> Json:
    """Return the response that OpenAI's package makes of a stream; holds every event to order."""
    state: ResponseStreamState[Any] = ResponseStreamState(input_tools=omit, text_format=omit)
    payloads = events(written)
    assert [one["sequence_number"] for one in payloads] == list(range(len(payloads)))
    for payload in payloads:
        state.handle_event(_RESPONSES_EVENT.validate_python(payload, strict=True))
    result: Json = payloads[-1]["response"]
    return result


def valid_message(answer: Json) -> Message:
    return Message.model_validate(answer, strict=True)


def valid_response(answer: Json) -> Response:
    return Response.model_validate(answer, strict=True)
