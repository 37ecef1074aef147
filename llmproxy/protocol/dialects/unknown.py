"""Fields that a dialect does not have: kept unless they would change the answer."""

from typing import Any

from llmproxy.protocol.dialects.fields import Fields

Json = dict[str, Any]

# In chat completions they request another form of answer, or several answers.
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
    """Return the chat request with the fields that were not read.

    Providers have extensions of their own, and refuse fields that they do not support.
    """
    for name in _OF_CHAT:
        if fields.take(name) is not None:
            fields.refuse(name, "this is a field of chat completions.")
    rest = fields.rest()
    for name in rest:
        if name in chat:
            fields.refuse(name, "this is a field of chat completions.")
    return chat | rest
