"""Messages and Responses for a provider of chat completions: translated both ways."""

from typing import Any

from msgspec.structs import replace

from core.errors import ApiError
from llmproxy.protocol import sse
from llmproxy.protocol.calls import CHAT, Call
from llmproxy.protocol.dialects import Exchange as Translation
from llmproxy.protocol.dialects import StreamTranslator
from llmproxy.protocol.events import Chunk
from llmproxy.protocol.parsing import dumps
from llmproxy.relay.exchange import Exchange
from llmproxy.relay.stream import Leave, Opening, RelayedStream
from llmproxy.relay.wires.base import Beginning, Whole
from llmproxy.relay.wires.chat import ChatBeginning, ChatWire
from llmproxy.relay.wires.chat_stream import ChatStream, ReadEvents


class TranslatedWire(ChatWire):
    def __init__(self, call: Call, translation: Translation) -> None:
        super().__init__(replace(call, endpoint=CHAT, body=translation.chat))
        self.omitted = (*call.omitted, *translation.omitted)
        self._translation = translation

    def _whole(self, body: bytes, content: dict[str, Any]) -> Whole:
        whole = super()._whole(body, content)
        return replace(whole, body=dumps(self._translation.answer(content)))

    def beginning(self) -> Beginning:
        return _TranslatedBeginning(self._translation)


class _TranslatedBeginning(ChatBeginning):
    def __init__(self, translation: Translation) -> None:
        super().__init__()
        self._translation = translation

    def stream(self, exchange: Exchange, opening: Opening, leave: Leave) -> RelayedStream:
        translator = self._translation.stream()
        return TranslatedStream(exchange, opening, leave, self.read, translator)


class TranslatedStream(ChatStream):
    def __init__(
        self,
        exchange: Exchange,
        opening: Opening,
        leave: Leave,
        read: ReadEvents,
        translator: StreamTranslator,
    ) -> None:
        super().__init__(exchange, opening, leave, read)
        self._translator = translator

    def _read(self, block: bytes) -> bytes:
        if block is sse.KEEP_ALIVE:
            return self._translator.keep_alive()
        return super()._read(block)

    def _show_plain(self, block: bytes, text: str) -> bytes:
        if self._plain.field != "content":
            return b"".join(self._translator.read(block))
        return b"".join(self._translator.text(text))

    def _show_simple(self, block: bytes, chunks: list[Chunk]) -> bytes:
        return b"".join([event for chunk in chunks for event in self._translator.chunk(chunk)])

    def _show_chunk(self, event: bytes, chunk: Chunk) -> bytes:
        return b"".join(self._translator.chunk(chunk))

    def _show_comment(self, event: bytes) -> bytes:
        return b""

    def _last_event(self) -> bytes:
        self._translator.complete = True
        return b"".join(self._translator.finish())

    def _failure(self, error: ApiError) -> bytes:
        return b"".join(self._translator.error(error))
