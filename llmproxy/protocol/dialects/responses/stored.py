"""Fields that refer to earlier responses, which are not stored."""

from typing import Any

from llmproxy.protocol.dialects.fields import Untranslatable

FIELDS = ("previous_response_id", "conversation", "store", "background")
REASON = "responses are not stored: send the whole conversation in input with every request."


def refuse_stored(request: dict[str, Any]) -> None:
    """Raise ``Untranslatable`` for the first field that needs a stored response."""
    for name in FIELDS:
        if request.get(name):
            raise Untranslatable(name, REASON)
