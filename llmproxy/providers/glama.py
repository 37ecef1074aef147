"""Glama: https://glama.ai/gateway. It has no embeddings, and lists prices for some models only.

What a request used can be asked for later, by the id in `x-request-id`; costs are strings.
"""

from llmproxy.providers.base import Dialect, Entry, LaterWord, part
from llmproxy.usage import Usage, reported


def completion_request(answer: Entry) -> Usage | None:
    """Read the answer of `GET /completion-requests/{id}`; `tokenUsage` is null at first."""
    said = part(answer, "tokenUsage")
    return reported(
        {
            "prompt_tokens": said.get("promptTokens"),
            "completion_tokens": said.get("completionTokens"),
            "prompt_tokens_details": {"cached_tokens": said.get("cacheReadInputTokens")},
            "cost": answer.get("totalCostUsd"),
        }
    )


DIALECT = Dialect(
    headers={"X-Glama-Metadata": '{"labels":["tokengate"]}'},
    embeddings=False,
    later=LaterWord("/completion-requests/", completion_request),
)
