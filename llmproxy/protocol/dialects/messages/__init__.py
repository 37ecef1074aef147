"""Anthropic's Messages.

https://platform.claude.com/docs/en/api/messages
"""

from typing import Any

from core.errors import ApiError
from llmproxy.protocol.dialects.base import Dialect, Exchange, NativeReader, Reply
from llmproxy.protocol.dialects.fields import Scope, Target
from llmproxy.protocol.dialects.messages.errors import error_body
from llmproxy.protocol.dialects.messages.native import NativeMessages
from llmproxy.protocol.dialects.messages.request import translate
from llmproxy.protocol.dialects.messages.stream import MessagesExchange

Json = dict[str, Any]

__all__ = ["Messages"]


class Messages(Dialect):
    name = "messages"

    def exchange(self, request: Json, target: Target, reply: Reply) -> Exchange:
        scope = Scope(target)
        chat = translate(request, scope)
        stops = request.get("stop_sequences") or []
        return MessagesExchange(chat, reply, scope.omitted, stop_sequences=tuple(stops))

    def prompt(self, request: Json, target: Target) -> Json:
        """Translate a request to count its tokens, which needs no ``max_tokens``."""
        return translate(request, Scope(target), counting=True)

    def error_body(self, error: ApiError, request_id: str | None) -> Json:
        return error_body(error, request_id)

    def failure(self, error: ApiError, request_id: str | None) -> bytes:
        return NativeMessages().failure(error, request_id)

    def native_reader(self) -> NativeReader:
        return NativeMessages()
