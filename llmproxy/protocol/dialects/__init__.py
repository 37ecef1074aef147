"""Translation between the dialects in which clients ask: chat completions, Messages, Responses."""

from llmproxy.protocol.dialects.base import Dialect, Exchange, Reply, StreamTranslator, UsageReader
from llmproxy.protocol.dialects.chat import Chat
from llmproxy.protocol.dialects.fields import OPENROUTER, PLAIN, Target, Untranslatable
from llmproxy.protocol.dialects.messages import Messages
from llmproxy.protocol.dialects.responses import Responses

DIALECTS: dict[str, Dialect] = {
    dialect.name: dialect for dialect in (Chat(), Messages(), Responses())
}

__all__ = [
    "DIALECTS",
    "OPENROUTER",
    "PLAIN",
    "Dialect",
    "Exchange",
    "Reply",
    "StreamTranslator",
    "Target",
    "Untranslatable",
    "UsageReader",
]
