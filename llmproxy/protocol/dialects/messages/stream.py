"""Translating a chat stream to the events of Messages.

https://platform.claude.com/docs/en/build-with-claude/streaming
"""

from dataclasses import dataclass
from typing import Any

from core.errors import ApiError
from llmproxy.protocol.dialects import counts
from llmproxy.protocol.dialects.base import (
    Exchange,
    Reply,
    StreamTranslator,
    choice_of,
    part,
    typed_event,
)
from llmproxy.protocol.dialects.blocks import Added, Block, Opened, Sequencer, Step
from llmproxy.protocol.dialects.messages.answer import (
    answer_of,
    empty_block,
    ending,
    opening,
    signature,
    usage_of,
)
from llmproxy.protocol.dialects.messages.errors import error_body
from llmproxy.protocol.dialects.pieces import Piece, PieceReader

Json = dict[str, Any]


@dataclass
class MessagesExchange(Exchange):
    stop_sequences: tuple[str, ...] = ()

    def answer(self, chat: Json) -> Json:
        return answer_of(chat, self.reply, self.stop_sequences)

    def stream(self) -> StreamTranslator:
        return MessagesStream(self.reply, self.stop_sequences)


class MessagesStream(StreamTranslator):
    def __init__(self, reply: Reply, stops: tuple[str, ...]) -> None:
        super().__init__()
        self._reply = reply
        self._stops = stops
        self._reader = PieceReader()
        self._sequencer = Sequencer()
        self._started = False
        self._ending: Json = {}
        self._used: counts.Counts | None = None

    def keep_alive(self) -> bytes:
        return typed_event({"type": "ping"})

    def _chunk(self, chunk: Json) -> list[bytes]:
        events = self._start(chunk)
        choice = choice_of(chunk)
        for piece in self._reader.read(part(choice, "delta")):
            events += self._events(self._sequencer.add(piece))
        if choice.get("finish_reason"):
            self.complete = True
            self._ending = choice
        self._used = counts.of_chat(chunk) or self._used
        return events

    def _text(self, text: str) -> list[bytes]:
        return self._start({}) + self._events(self._sequencer.add(Piece("text", "text", text)))

    def _end(self) -> list[bytes]:
        events = self._start({}) + self._events(self._sequencer.close())
        delta = ending(self._ending, self._sequencer.blocks, self._stops)
        usage = usage_of(self._used, self._reply)
        events.append(typed_event({"type": "message_delta", "delta": delta, "usage": usage}))
        return [*events, typed_event({"type": "message_stop"})]

    def _fail(self, error: ApiError) -> list[bytes]:
        return [typed_event(error_body(error, self._reply.id))]

    def _start(self, chunk: Json) -> list[bytes]:
        if self._started:
            return []
        self._started = True
        message = opening(chunk, self._reply)
        return [typed_event({"type": "message_start", "message": message}), self.keep_alive()]

    def _events(self, steps: list[Step]) -> list[bytes]:
        return [typed_event(event) for step in steps for event in self._event(step)]

    def _event(self, step: Step) -> list[Json]:
        block = step.block
        if isinstance(step, Opened):
            empty = empty_block(block, self._reply)
            return [{"type": "content_block_start", "index": block.index, "content_block": empty}]
        if isinstance(step, Added):
            return [_delta(block, _addition(block, step.text))]
        hidden = block.detail.get("type") == "reasoning.encrypted"
        signed = "" if hidden else signature(block)
        proof = [_delta(block, {"type": "signature_delta", "signature": signed})] if signed else []
        return [*proof, {"type": "content_block_stop", "index": block.index}]


def _addition(block: Block, text: str) -> Json:
    if block.kind == "call":
        return {"type": "input_json_delta", "partial_json": text}
    if block.kind == "reasoning":
        return {"type": "thinking_delta", "thinking": text}
    return {"type": "text_delta", "text": text}


def _delta(block: Block, delta: Json) -> Json:
    return {"type": "content_block_delta", "index": block.index, "delta": delta}
