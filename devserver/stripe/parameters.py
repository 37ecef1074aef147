"""The parameters of endpoints, and their types.

They are read from the request types of the `stripe` package, which Stripe generates from its
OpenAPI specification. Unknown, missing and wrongly typed parameters are refused as by Stripe.
"""

import importlib
import re
import sys
import types
import typing
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any

from stripe._request_options import RequestOptions
from stripe._stripe_object import UntypedStripeObject
from typing_extensions import is_typeddict

from devserver.stripe.errors import invalid, required

_NOT_SENT = frozenset(RequestOptions.__annotations__)
_LONGEST = 5000
_LARGEST = 2**63


def read(name: str, given: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters, typed as in ``name`` (``CustomerCreate``, ``checkout.SessionList``).

    An empty string that clears a parameter becomes None.
    """
    return _read_object(_type_named(name), given, at="")


@cache
def _type_named(name: str) -> type:
    package, _, name = name.rpartition(".")
    snake = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
    path = ".".join(filter(None, ["stripe.params", package, f"_{snake}_params"]))
    found: type = getattr(importlib.import_module(path), f"{name}Params")
    return found


@cache
def _fields(kind: type) -> dict[str, Any]:
    # The request options use types that are imported only for type checkers.
    sent = {key: hint for key, hint in kind.__annotations__.items() if key not in _NOT_SENT}
    holder = types.SimpleNamespace(__annotations__=sent)
    return typing.get_type_hints(holder, vars(sys.modules[kind.__module__]))


def _read_object(kind: type, given: Any, *, at: str) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise invalid("Invalid object", param=at)
    fields = _fields(kind)
    for key in given:
        if key not in fields:
            name = _inside(at, key)
            raise invalid(
                f"Received unknown parameter: {name}", param=name, code="parameter_unknown"
            )
    for key in sorted(typing.cast("Any", kind).__required_keys__ - _NOT_SENT):
        if key not in given:
            raise required(_inside(at, key))
    return {key: _read(fields[key], value, at=_inside(at, key)) for key, value in given.items()}


def _inside(at: str, key: str) -> str:
    return f"{at}[{key}]" if at else key


def _read(hint: Any, value: Any, *, at: str) -> Any:
    if hint is typing.Any or hint is object:
        return value
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return _read_union(typing.get_args(hint), value, at=at)
    if origin is typing.Literal:
        return _read_choice(typing.get_args(hint), value, at=at)
    if origin is list:
        return _read_list(typing.get_args(hint)[0], value, at=at)
    if origin is dict:
        return _read_map(typing.get_args(hint)[1], value, at=at)
    if is_typeddict(hint):
        return _read_object(hint, value, at=at)
    return _read_leaf(hint, value, at=at)


def _read_union(hints: tuple[Any, ...], value: Any, *, at: str) -> Any:
    if value == "" and any("" in typing.get_args(hint) for hint in hints):
        return None
    wanted = [hint for hint in hints if typing.get_origin(hint) is not UntypedStripeObject]
    choices = [hint for hint in wanted if typing.get_origin(hint) is typing.Literal]
    for choice in choices:
        if value in typing.get_args(choice):
            return value
    rest = [hint for hint in wanted if hint not in choices]
    if not rest or (choices and all(hint is str for hint in rest)):
        return _read_choice(tuple(typing.get_args(choices[0])), value, at=at)
    return _read(_fitting(rest, value), value, at=at)


def _fitting(hints: list[Any], value: Any) -> Any:
    """Return the possible type of the value, by its form.

    The generated types end each union with a plain string, for values yet to come.
    """
    nested = [h for h in hints if is_typeddict(h) or typing.get_origin(h) in (list, dict)]
    plain = [hint for hint in hints if hint not in nested]
    if not isinstance(value, str):
        wanted = [h for h in nested if (typing.get_origin(h) is list) == isinstance(value, list)]
        return (wanted or nested or hints)[0]
    if str in plain and not re.fullmatch(r"-?[0-9]+", value):
        return str
    return (plain or hints)[0]


def _read_choice(choices: tuple[Any, ...], value: Any, *, at: str) -> Any:
    for choice in choices:
        if value == choice or (isinstance(choice, bool) and value == str(choice).lower()):
            return choice or None if choice == "" else choice
    shown = ", ".join(str(choice) for choice in choices if choice != "")
    raise invalid(f"Invalid {at}: must be one of {shown}", param=at)


def _read_list(hint: Any, value: Any, *, at: str) -> list[Any]:
    if value == "":
        return []
    if not isinstance(value, list):
        raise invalid("Invalid array", param=at)
    return [_read(hint, one, at=f"{at}[{index}]") for index, one in enumerate(value)]


def _read_map(hint: Any, value: Any, *, at: str) -> dict[str, Any] | None:
    if value == "":
        return None
    if not isinstance(value, dict):
        raise invalid("Invalid hash", param=at)
    return {key: _read(hint, one, at=_inside(at, key)) for key, one in value.items()}


def _read_leaf(hint: Any, value: Any, *, at: str) -> Any:
    if not isinstance(value, str):
        raise invalid(f"Invalid {at}", param=at)
    if hint is bool:
        if value not in ("true", "false"):
            raise invalid(f"Invalid boolean: {value}", param=at)
        return value == "true"
    if hint is int:
        return _whole(value, at=at)
    if hint in (float, Decimal):
        return _decimal(hint, value, at=at)
    if len(value) > _LONGEST or "\0" in value:
        raise invalid(f"Invalid string: {value[:20]}…", param=at)
    return value


def _whole(value: str, *, at: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,19}", value) or abs(int(value)) >= _LARGEST:
        raise invalid(f"Invalid integer: {value}", param=at, code="parameter_invalid_integer")
    return int(value)


def _decimal(hint: type, value: str, *, at: str) -> float | str:
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise invalid(f"Invalid decimal: {value}", param=at) from None
    if not number.is_finite():
        raise invalid(f"Invalid decimal: {value}", param=at)
    return float(number) if hint is float else value
