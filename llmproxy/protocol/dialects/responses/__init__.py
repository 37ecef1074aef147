"""OpenAI's Responses.

https://platform.openai.com/docs/api-reference/responses
"""

from typing import Any

from core.errors import ApiError
from llmproxy.protocol.dialects.base import Dialect, Exchange, NativeReader, Reply
from llmproxy.protocol.dialects.fields import Scope, Target
from llmproxy.protocol.dialects.responses.native import NativeResponses
from llmproxy.protocol.dialects.responses.request import translate
from llmproxy.protocol.dialects.responses.stream import ResponsesExchange
from llmproxy.protocol.dialects.responses.tools import ToolNames

Json = dict[str, Any]

__all__ = ["Responses"]


class Responses(Dialect):
    name = "responses"

    def exchange(self, request: Json, target: Target, reply: Reply) -> Exchange:
        scope, names = Scope(target), ToolNames()
        chat = translate(request, scope, names)
        return ResponsesExchange(chat, reply, scope.omitted, request=request, names=names)

    def error_body(self, error: ApiError, request_id: str | None) -> Json:
        return error.body(request_id)

    def failure(self, error: ApiError, request_id: str | None) -> bytes:
        return NativeResponses().failure(error, request_id)

    def native_reader(self) -> NativeReader:
        return NativeResponses()
