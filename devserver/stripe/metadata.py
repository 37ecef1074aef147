"""Metadata: merged key by key. An empty value removes the key."""

from devserver.stripe.errors import invalid
from devserver.stripe.store import Obj

_MOST, _LONGEST_KEY, _LONGEST_VALUE = 50, 40, 500


def merged(before: Obj | None, given: Obj | None) -> dict[str, str]:
    """Return ``before`` updated with ``given``; None clears all."""
    if given is None:
        return {}
    for key, value in given.items():
        if len(key) > _LONGEST_KEY or len(value) > _LONGEST_VALUE:
            raise invalid("Metadata keys can be up to 40 characters, values 500.", param="metadata")
    together = {**(before or {}), **given}
    kept = {key: value for key, value in together.items() if value != ""}
    if len(kept) > _MOST:
        raise invalid("Metadata can hold up to 50 keys.", param="metadata")
    return kept
