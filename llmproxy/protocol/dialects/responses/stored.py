"""Fields that speak of earlier responses, which are not stored here."""

from typing import Any

from llmproxy.protocol.dialects.fields import Untranslatable

FIELDS = ("previous_response_id", "conversation", "store", "background")
REASON = "nothing is stored here: send the whole conversation in input with every request."


def refuse_stored(request: dict[str, Any]) -> None:
    """Raise ``Untranslatable`` for the first field that asks for a stored response."""
    for name in FIELDS:
        if request.get(name):
            raise Untranslatable(name, REASON)
