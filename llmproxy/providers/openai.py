"""OpenAI itself: https://platform.openai.com/docs/api-reference/chat/create.

Its reasoning models refuse `max_tokens`; all its chat models accept `max_completion_tokens`.
"""

from llmproxy.providers.base import Dialect

HOST = "api.openai.com"

DIALECT = Dialect(limit="max_completion_tokens", native=frozenset(("responses",)))
