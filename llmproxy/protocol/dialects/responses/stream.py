"""Translating a chat stream to the typed events of Responses.

https://platform.openai.com/docs/api-reference/responses-streaming
"""

from dataclasses import dataclass, field
from typing import Any

from core.errors import ApiError
from llmproxy.protocol.dialects import counts
from llmproxy.protocol.dialects.base import (
    Exchange,
    StreamTranslator,
    choice_of,
    part,
    typed_event,
)
from llmproxy.protocol.dialects.blocks import Added, Block, Opened, Sequencer, Step
from llmproxy.protocol.dialects.pieces import Piece, PieceReader
from llmproxy.protocol.dialects.responses.answer import Renderer, content_part, is_summary
from llmproxy.protocol.dialects.responses.tools import ToolNames

Json = dict[str, Any]


@dataclass
class ResponsesExchange(Exchange):
    request: Json = field(default_factory=dict)
    names: ToolNames = field(default_factory=ToolNames)

    def answer(self, chat: Json) -> Json:
        return self._renderer().answer(chat)

    def stream(self) -> StreamTranslator:
        return ResponsesStream(self._renderer())

    def _renderer(self) -> Renderer:
        return Renderer(self.request, self.reply, self.names)


class ResponsesStream(StreamTranslator):
    def __init__(self, renderer: Renderer) -> None:
        super().__init__()
        self._renderer = renderer
        self._reader = PieceReader()
        self._sequencer = Sequencer()
        self._sequence = 0
        self._opened: Json | None = None
        self._ending: Json = {}
        self._used: counts.Counts | None = None

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
        blocks = self._sequencer.blocks
        whole = self._renderer.finished(self._response(), self._ending, blocks, self._used)
        return [*events, self._event(f"response.{whole['status']}", response=whole)]

    def _fail(self, error: ApiError) -> list[bytes]:
        events = self._start({})
        failed = self._renderer.failed(self._response(), self._sequencer.blocks, error)
        return [*events, self._event("response.failed", response=failed)]

    def _start(self, chunk: Json) -> list[bytes]:
        if self._opened is not None:
            return []
        self._opened = self._renderer.opening(chunk)
        kinds = ("response.created", "response.in_progress")
        return [self._event(kind, response=self._opened) for kind in kinds]

    def _response(self) -> Json:
        assert self._opened is not None
        return self._opened

    def _event(self, kind: str, **fields: Any) -> bytes:
        event = {"type": kind, "sequence_number": self._sequence, **fields}
        self._sequence += 1
        return typed_event(event)

    def _events(self, steps: list[Step]) -> list[bytes]:
        return [event for step in steps for event in self._step(step)]

    def _step(self, step: Step) -> list[bytes]:
        block = step.block
        if isinstance(step, Opened):
            item = self._renderer.item(block, "in_progress")
            added = self._event("response.output_item.added", output_index=block.index, item=item)
            return [added, *self._open_part(block)]
        if isinstance(step, Added):
            return self._add(block, step.text)
        item = self._renderer.item(block, self._status(block))
        done = self._close_part(block)
        return [
            *done,
            self._event("response.output_item.done", output_index=block.index, item=item),
        ]

    def _status(self, block: Block) -> Any:
        """Return an item's final status. The last item of a truncated answer is incomplete."""
        cut = self._ending.get("finish_reason") in ("length", "content_filter")
        last = block is self._sequencer.blocks[-1]
        return "incomplete" if cut and last else "completed"

    def _place(self, block: Block) -> Json:
        return {"item_id": self._renderer.item_id(block), "output_index": block.index}

    def _open_part(self, block: Block) -> list[bytes]:
        if block.kind == "reasoning" or block.kind == "call":
            return []  # A part of reasoning is opened with its first text.
        fields = {**self._place(block), "content_index": 0, "part": content_part(block, "")}
        return [self._event("response.content_part.added", **fields)]

    def _add(self, block: Block, text: str) -> list[bytes]:
        if block.kind == "call":
            return self._add_to_call(block, text)
        first = self._open_reasoning(block) if block.kind == "reasoning" else []
        return [*first, self._event(f"{_stem(block)}.delta", **self._at(block), delta=text)]

    def _add_to_call(self, block: Block, text: str) -> list[bytes]:
        """Pass on arguments as they arrive.

        The arguments of a function that replaces a custom tool are JSON. Its input is only known
        when they are complete.
        """
        if not self._renderer.is_custom(block):
            kind = "response.function_call_arguments.delta"
        elif block.custom:
            kind = "response.custom_tool_call_input.delta"
        else:
            return []
        return [self._event(kind, **self._place(block), delta=text)]

    def _open_reasoning(self, block: Block) -> list[bytes]:
        if block.announced:
            return []
        block.announced = True
        place = self._place(block)
        if is_summary(block):
            part = {"type": "summary_text", "text": ""}
            kind = "response.reasoning_summary_part.added"
            return [self._event(kind, **place, summary_index=0, part=part)]
        part = content_part(block, "")
        return [self._event("response.content_part.added", **place, content_index=0, part=part)]

    def _at(self, block: Block) -> Json:
        """Return the position of a text, and the other fields of its events."""
        index = "summary_index" if is_summary(block) else "content_index"
        beside: Json = {"logprobs": []} if block.kind == "text" else {}
        return {**self._place(block), index: 0, **beside}

    def _close_part(self, block: Block) -> list[bytes]:
        if block.kind == "call":
            return self._close_call(block)
        if block.kind == "reasoning" and not block.announced:
            return []
        text, place = block.text, self._place(block)
        name = "refusal" if block.kind == "refusal" else "text"
        done = self._event(f"{_stem(block)}.done", **self._at(block), **{name: text})
        if is_summary(block):
            part = {"type": "summary_text", "text": text}
            kind = "response.reasoning_summary_part.done"
            return [done, self._event(kind, **place, summary_index=0, part=part)]
        fields = {**place, "content_index": 0, "part": content_part(block, text)}
        return [done, self._event("response.content_part.done", **fields)]

    def _close_call(self, block: Block) -> list[bytes]:
        place = self._place(block)
        if not self._renderer.is_custom(block):
            kind = "response.function_call_arguments.done"
            return [self._event(kind, **place, name=block.name, arguments=block.text)]
        given = self._renderer.input_of(block)
        kind = "response.custom_tool_call_input"
        late = [] if block.custom else [self._event(f"{kind}.delta", **place, delta=given)]
        return [*late, self._event(f"{kind}.done", **place, input=given)]


def _stem(block: Block) -> str:
    """Return the common prefix of the event names for a block's text."""
    if is_summary(block):
        return "response.reasoning_summary_text"
    return {
        "text": "response.output_text",
        "refusal": "response.refusal",
        "reasoning": "response.reasoning_text",
    }[block.kind]
