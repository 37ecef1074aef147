"""Whatever a client sends is found in the translation, is named as left out, or is refused."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidRequest
from llmproxy.protocol.dialects import DIALECTS, Exchange, Target
from tests.llmproxy.dialects.requests import messages_requests, responses_requests
from tests.llmproxy.dialects.samples import REPLY, TARGETS, quietly

Json = dict[str, Any]

REQUESTS = {"messages": messages_requests(), "responses": responses_requests()}
# What numbers or names the parts of a conversation, and what says how an answer is to be written.
BOOKKEEPING = {"type", "role", "status", "phase", "include", "store", "truncation", "display"}

# Values that ask for what happens anyway, and the id of an item that nothing refers to.
IMPLIED = {"text/plain", "auto", "none", "rs_1"}


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield from leaves(each, (*path, name))
    elif isinstance(value, list):
        for position, each in enumerate(value):
            yield from leaves(each, (*path, str(position)))
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield path, value


def said(value: Any) -> Iterator[Any]:
    """Yield every value of a translation, also of the JSON in its strings."""
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from said(each)
        return
    yield value
    if isinstance(value, str) and value[:1] == "{":
        try:
            yield from said(json.loads(value))
        except ValueError:
            return


def is_found(leaf: Any, values: list[Any]) -> bool:
    if not isinstance(leaf, str):
        return leaf in values
    return any(leaf in value for value in values if isinstance(value, str))


def names_a_field(error: InvalidRequest, request: Json) -> bool:
    at: Any = request
    for name in (error.param or "").split("."):
        if isinstance(at, list):
            at = at[int(name)]
        elif isinstance(at, dict) and name in at:
            at = at[name]
        else:
            return False
    return True


def translated(
    name: str, request: Json, target: Target
) -> tuple[Exchange | None, InvalidRequest | None]:
    try:
        return DIALECTS[name].exchange(request, target, REPLY), None
    except InvalidRequest as error:
        return None, error


def check(name: str, request: Json, target: Target) -> None:
    before = copy.deepcopy(request)
    exchange, error = translated(name, request, target)
    assert request == before
    if error is not None:
        assert names_a_field(error, request), error.param
    if exchange is None:
        return
    values = list(said(exchange.chat))
    for path, leaf in leaves(request):
        spoken = ".".join(path)
        left_out = any(map(spoken.startswith, exchange.omitted))
        if BOOKKEEPING.isdisjoint(path) and leaf not in IMPLIED and not left_out:
            assert is_found(leaf, values), spoken


@pytest.mark.parametrize("target", TARGETS, ids=["openrouter", "plain"])
@pytest.mark.parametrize("name", REQUESTS)
@quietly
@given(data=st.data())
def test_every_value_of_a_request_is_accounted_for(
    name: str, target: Target, data: st.DataObject
) -> None:
    check(name, data.draw(REQUESTS[name]), target)


@pytest.mark.parametrize("target", TARGETS, ids=["openrouter", "plain"])
@pytest.mark.parametrize("name", REQUESTS)
@quietly
@given(data=st.data())
def test_an_unknown_field_anywhere_is_accounted_for(
    name: str, target: Target, data: st.DataObject
) -> None:
    request = data.draw(REQUESTS[name])
    place = data.draw(st.sampled_from(list(objects(request))))
    place["x_unheard_of"] = "surprise-of-the-client"

    check(name, request, target)


@pytest.mark.parametrize("target", TARGETS, ids=["openrouter", "plain"])
@pytest.mark.parametrize("name", REQUESTS)
@quietly
@given(data=st.data(), junk=st.sampled_from([None, 7, "junk", [], {}, [None], True, 1.5]))
def test_a_field_of_the_wrong_type_is_never_a_crash(
    name: str, target: Target, data: st.DataObject, junk: Any
) -> None:
    request = data.draw(REQUESTS[name])
    place = data.draw(st.sampled_from([one for one in objects(request) if one]))
    place[data.draw(st.sampled_from(sorted(place)))] = junk

    try:
        exchange = DIALECTS[name].exchange(request, target, REPLY)
    except InvalidRequest:
        return
    json.dumps(exchange.chat)


def objects(value: Any) -> Iterator[Json]:
    if isinstance(value, dict):
        yield value
    for each in value.values() if isinstance(value, dict) else value:
        if isinstance(each, dict | list):
            yield from objects(each)
