"""OpenRouter.

https://openrouter.ai/docs/api-reference/overview: prices are strings, USD per token. The id of
a generation is in `X-Generation-Id`.
"""

from llmproxy.providers.base import Dialect

DIALECT = Dialect(
    headers={"HTTP-Referer": "https://tokengate.dev", "X-Title": "Tokengate"},
    id_header="x-generation-id",
)
