"""The dialects that clients can use besides chat completions: Messages and Responses."""

from llmproxy.protocol.dialects.base import Dialect, Exchange, NativeReader, Reply, StreamTranslator
from llmproxy.protocol.dialects.fields import OPENROUTER, PLAIN, Target, Untranslatable
from llmproxy.protocol.dialects.messages import Messages
from llmproxy.protocol.dialects.responses import Responses

DIALECTS: dict[str, Dialect] = {dialect.name: dialect for dialect in (Messages(), Responses())}

__all__ = [
    "DIALECTS",
    "OPENROUTER",
    "PLAIN",
    "Dialect",
    "Exchange",
    "NativeReader",
    "Reply",
    "StreamTranslator",
    "Target",
    "Untranslatable",
]
