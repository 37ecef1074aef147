"""Stripe's form encoding: ``items[0][price]=price_1&expand[]=customer`` to nested objects."""

from typing import Any
from urllib.parse import parse_qsl

from devserver.stripe.errors import ApiError

_DEEPEST = 12


def decode(text: str) -> dict[str, Any]:
    """Return the parameters, all leaves as strings; raise ApiError for an invalid form."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text))
    except ValueError:
        raise ApiError(400, "Invalid request body.") from None
    tree: dict[str, Any] = {}
    for name, value in pairs:
        _place(tree, _keys(name), value)
    return {key: _with_lists(value) for key, value in tree.items()}


def _keys(name: str) -> list[str]:
    head, *rest = name.split("[")
    if not head or len(rest) > _DEEPEST or any(not part.endswith("]") for part in rest):
        raise ApiError(400, f"Invalid parameter name: {name}", param=name)
    return [head, *(part[:-1] for part in rest)]


def _place(tree: dict[str, Any], keys: list[str], value: str) -> None:
    *above, last = keys
    for key in above:
        tree = tree.setdefault(key or str(len(tree)), {})
        if not isinstance(tree, dict):
            raise ApiError(400, f"Invalid parameter: {keys[0]}", param=keys[0])
    tree[last or str(len(tree))] = value


def _with_lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {key: _with_lists(held) for key, held in value.items()}
    if inner and all(key.isdecimal() for key in inner):
        return [inner[key] for key in sorted(inner, key=int)]
    return inner
