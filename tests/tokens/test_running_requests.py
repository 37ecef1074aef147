"""A running request is registered until it is settled, and its provider is recorded if it lasts."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from tokens.ledger import Hold, running
from tokens.ledger.running import RunningRequest


@pytest.fixture
def request_() -> Iterator[RunningRequest]:
    made = RunningRequest(Hold(uuid4(), 1, 10, 90))
    yield made
    made.ended()


def test_it_is_registered_until_it_has_ended(request_: RunningRequest) -> None:
    assert request_ in running.requests()

    request_.ended()
    request_.ended()

    assert request_ not in running.requests()


def test_its_provider_is_due_once_in_the_second_turn(request_: RunningRequest) -> None:
    request_.trace(provider="openrouter", upstream_id="gen-1")

    turns = [request_.trace_due() for _ in range(4)]

    assert turns == [None, ("openrouter", "gen-1"), None, None]


def test_a_provider_that_failed_is_replaced_at_once(request_: RunningRequest) -> None:
    request_.trace(provider="openrouter", upstream_id="gen-1")
    request_.trace_at_once(provider="glama")

    assert request_.trace_due() == ("glama", "")


def test_the_provider_that_answers_in_its_place_is_not_late(request_: RunningRequest) -> None:
    request_.trace(provider="openrouter", upstream_id="gen-1")
    request_.trace_due()
    request_.trace_at_once(provider="glama")
    request_.trace(provider="glama", upstream_id="gen-2")

    assert request_.trace_due() == ("glama", "gen-2")
