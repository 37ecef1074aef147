"""Batches: what shares one, and what becomes of items that cannot be sent."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import orjson
import pytest

from core.statement import PreparedStatement
from tokens.errors import LedgerUnavailable
from tokens.ledger.batching import Batcher

pytestmark = pytest.mark.django_db(transaction=True)

T = TypeVar("T")
# A function of PostgreSQL's own that answers with the items.
_MIRROR = "to_jsonb"


def with_batcher(story: Callable[[Batcher], Awaitable[T]], function: str = _MIRROR) -> T:
    async def run() -> T:
        batcher = Batcher(function)
        try:
            return await story(batcher)
        finally:
            await batcher.close()

    return asyncio.run(run())


def test_calls_of_one_turn_share_a_statement_and_later_ones_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[int] = []
    real = PreparedStatement.fetch

    def fetch(self: PreparedStatement, parameter: bytes, *, patience: float) -> Any:
        sent.append(len(orjson.loads(parameter)))
        return real(self, parameter, patience=patience)

    async def story(batcher: Batcher) -> None:
        await batcher.submit({"of": "the task that connects"})
        first = [batcher.submit({"number": number}) for number in range(3)]
        await asyncio.sleep(0)
        later = [batcher.submit({"number": number}) for number in range(3, 5)]
        answers = await asyncio.gather(*first, *later)
        assert answers == [{"number": number} for number in range(5)]

    monkeypatch.setattr(PreparedStatement, "fetch", fetch)
    with_batcher(story)
    assert sent == [1, 3, 2]


def test_an_item_that_is_no_json_fails_and_the_next_is_answered() -> None:
    async def story(batcher: Batcher) -> Any:
        await batcher.submit({"of": "the task that connects"})
        with pytest.raises(LedgerUnavailable):
            await batcher.submit({"half a character": "\ud800"})
        return await batcher.submit({"a": 1})

    assert with_batcher(story) == {"a": 1}


def test_closing_waits_for_what_was_submitted() -> None:
    async def run() -> Any:
        batcher = Batcher(_MIRROR)
        await batcher.submit({"of": "the task that connects"})
        asked = batcher.submit({"a": 1})
        await batcher.close()
        return asked.result()

    assert asyncio.run(run()) == {"a": 1}


@pytest.mark.parametrize("function", ["jsonb_array_length", "jsonb_typeof"])
def test_what_is_no_answer_fails_every_call_and_none_waits_for_ever(function: str) -> None:
    async def story(batcher: Batcher) -> None:
        for _ in range(2):  # The first connects.
            with pytest.raises(LedgerUnavailable):
                await asyncio.wait_for(batcher.submit({"a": 1}), timeout=30)

    with_batcher(story, function)


def test_callers_of_a_batch_get_errors_of_their_own() -> None:
    async def story(batcher: Batcher) -> None:
        asked = [batcher.submit({"number": number}) for number in range(2)]
        first, second = await asyncio.gather(*asked, return_exceptions=True)
        assert isinstance(first, LedgerUnavailable)
        first.headers["x-ratelimit-limit-requests"] = "1"  # as the proxy adds
        assert isinstance(second, LedgerUnavailable)
        assert second.headers == {}

    with_batcher(story, "jsonb_array_length")
