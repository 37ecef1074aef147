"""Chat completions: what the providers speak, so that nothing is translated."""

from dataclasses import dataclass
from typing import Any

from core.errors import ApiError
from llmproxy.protocol import sse
from llmproxy.protocol.dialects.base import (
    Dialect,
    Exchange,
    Reply,
    StreamTranslator,
    UsageReader,
    choice_of,
    part,
)
from llmproxy.protocol.dialects.fields import Target
from llmproxy.protocol.output import output_characters

Json = dict[str, Any]


class Chat(Dialect):
    name = "chat"

    def exchange(self, request: Json, target: Target, reply: Reply) -> Exchange:
        return _ChatExchange(request, reply)

    def error_body(self, error: ApiError, request_id: str | None) -> Json:
        return error.body(request_id)

    def usage_reader(self) -> UsageReader:
        return _ChatUsage()


@dataclass
class _ChatExchange(Exchange):
    def answer(self, chat: Json) -> Json:
        return chat

    def stream(self) -> StreamTranslator:
        return _ChatStream(self.reply)


class _ChatStream(StreamTranslator):
    """Gives the upstream's events as they are, in whole events."""

    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self._reply = reply

    def _read(self, block: bytes) -> list[bytes]:
        if b"[DONE]" in block or b'"finish_reason"' in block:
            self.complete = self.complete or any(map(_ends, sse.events(block)))
        return [block]

    def _chunk(self, chunk: Json) -> list[bytes]:
        return [sse.event(chunk)]

    def _end(self) -> list[bytes]:
        return []

    def _fail(self, error: ApiError) -> list[bytes]:
        return [sse.event(error.body(self._reply.id)), sse.DONE]


class _ChatUsage(UsageReader):
    def __init__(self) -> None:
        super().__init__()
        self._usage: Json | None = None

    @property
    def usage(self) -> Json | None:
        return self._usage

    def add(self, payload: Json) -> None:
        self._usage = part(payload, "usage") or self._usage
        self.failed = part(payload, "error") or self.failed
        self.finished = self.finished or bool(choice_of(payload).get("finish_reason"))
        self.characters += output_characters(payload)


def _ends(event: bytes) -> bool:
    if sse.data(event) == b"[DONE]":
        return True
    return bool(choice_of(sse.payload(event) or {}).get("finish_reason"))
