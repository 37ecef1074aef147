"""What the fast upstream says in Messages and Responses, made beforehand, event by event."""

from typing import Any, NamedTuple

import orjson

Json = dict[str, Any]

_TEXT = (
    "The quick brown fox jumps over the lazy dog, and then it thinks about what it has done. " * 2
)


class Said(NamedTuple):
    """A whole JSON answer; the events before a stream's tokens, the tokens', and those after.

    Events of Responses are numbered, so that no two in a row are alike.
    """

    whole: Json
    opening: bytes
    tokens: list[bytes]
    closing: bytes


def _events(*payloads: Json) -> bytes:
    return b"".join(
        b"event: %b\ndata: %b\n\n" % (payload["type"].encode(), orjson.dumps(payload))
        for payload in payloads
    )


def _messages() -> Said:
    message = {"id": "msg_0123456789", "type": "message", "role": "assistant", "model": "gpt-fake"}
    begun: Json = {**message, "content": [], "stop_reason": None, "stop_sequence": None}
    stop = {"stop_reason": "end_turn", "stop_sequence": None}
    block: Json = {"type": "text", "text": ""}
    delta = {"type": "text_delta", "text": " token"}
    return Said(
        {
            **message,
            "content": [{"type": "text", "text": _TEXT}],
            **stop,
            "usage": {"input_tokens": 19, "output_tokens": 42},
        },
        _events(
            {
                "type": "message_start",
                "message": {**begun, "usage": {"input_tokens": 19, "output_tokens": 1}},
            },
            {"type": "content_block_start", "index": 0, "content_block": block},
        ),
        [_events({"type": "content_block_delta", "index": 0, "delta": delta})],
        _events(
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": stop, "usage": {"output_tokens": 42}},
            {"type": "message_stop"},
        ),
    )


def _responses() -> Said:
    response: Json = {"id": "resp_0123456789", "object": "response", "model": "gpt-fake"}
    usage = {"input_tokens": 19, "output_tokens": 42, "total_tokens": 61}
    part: Json = {"type": "output_text", "text": _TEXT, "annotations": [], "logprobs": []}
    item: Json = {"id": "msg_0123456789", "type": "message", "role": "assistant"}
    whole = {**response, "status": "completed", "output": [{**item, "content": [part]}]}
    begun = {**response, "status": "in_progress", "output": []}
    at = {"item_id": item["id"], "output_index": 0, "content_index": 0, "logprobs": []}
    return Said(
        {**whole, "usage": usage},
        _events(
            {"type": "response.created", "sequence_number": 0, "response": begun},
            {"type": "response.output_item.added", "output_index": 0, "item": item},
        ),
        [
            _events(
                {
                    "type": "response.output_text.delta",
                    "sequence_number": number,
                    **at,
                    "delta": " token",
                }
            )
            for number in range(2, 12)
        ],
        _events({"type": "response.completed", "response": {**whole, "usage": usage}}),
    )


SAID = {b"/messages": _messages(), b"/responses": _responses()}
