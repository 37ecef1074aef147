"""Fields that a dialect does not have: kept as they are, unless they would change the answer."""

from typing import Any

from llmproxy.protocol.dialects.fields import Fields

Json = dict[str, Any]

# They ask chat completions for an answer of another shape, or for more than one.
_OF_CHAT = (
    "n",
    "best_of",
    "models",
    "functions",
    "function_call",
    "modalities",
    "audio",
    "logprobs",
    "max_completion_tokens",
    "prediction",
    "web_search_options",
)


def unknown_fields(fields: Fields, chat: Json) -> Json:
    """Return the chat request with the fields that nobody has read.

    Providers take extensions of their own by such fields, and refuse what they do not know.
    """
    for name in _OF_CHAT:
        if fields.take(name) is not None:
            fields.refuse(name, "this is a field of chat completions.")
    rest = fields.rest()
    for name in rest:
        if name in chat:
            fields.refuse(name, "this is a field of chat completions.")
    return chat | rest
