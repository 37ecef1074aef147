"""Batches: what shares one, and what becomes of items that cannot be sent."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import orjson
import pytest
from prometheus_client import REGISTRY

from core.statement import PreparedStatement
from tests.tokens.event_loop import run
from tokens.errors import LedgerUnavailable
from tokens.ledger.batching import Batcher

pytestmark = pytest.mark.django_db(transaction=True)

T = TypeVar("T")
# A function of PostgreSQL's own that answers with the items.
_MIRROR = "to_jsonb"


def with_batcher(story: Callable[[Batcher], Awaitable[T]], function: str = _MIRROR) -> T:
    async def closing() -> T:
        batcher = Batcher(function)
        try:
            return await story(batcher)
        finally:
            await batcher.close()

    return run(closing())


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return how many items each statement has that is sent."""
    sizes: list[int] = []
    real = PreparedStatement.fetch

    def fetch(self: PreparedStatement, parameter: bytes, *, patience: float) -> Any:
        sizes.append(len(orjson.loads(parameter)))
        return real(self, parameter, patience=patience)

    monkeypatch.setattr(PreparedStatement, "fetch", fetch)
    return sizes


def test_calls_of_one_turn_share_a_statement_and_later_ones_the_next(sent: list[int]) -> None:
    async def story(batcher: Batcher) -> None:
        await batcher.submit({"of": "the task that connects"})
        first = [batcher.submit({"number": number}) for number in range(3)]
        await asyncio.sleep(0)
        later = [batcher.submit({"number": number}) for number in range(3, 5)]
        answers = await asyncio.gather(*first, *later)
        assert answers == [{"number": number} for number in range(5)]

    with_batcher(story)
    assert sent == [1, 3, 2]


def test_a_batch_takes_no_task_over_an_open_connection() -> None:
    async def story(batcher: Batcher) -> None:
        await batcher.submit({"of": "the task that connects"})
        tasks: list[Any] = []

        def factory(loop: asyncio.AbstractEventLoop, of: Any, **more: Any) -> asyncio.Task[Any]:
            tasks.append(of)
            return asyncio.Task(of, loop=loop, **more)

        asyncio.get_running_loop().set_task_factory(factory)
        assert await batcher.submit({"a": 1}) == {"a": 1}
        assert tasks == []

    with_batcher(story)


def test_statements_are_measured() -> None:
    def measured(name: str) -> float:
        found = REGISTRY.get_sample_value(f"tokengate_ledger_batch_{name}", {"function": _MIRROR})
        return found or 0

    async def story(batcher: Batcher) -> None:
        for _ in range(2):  # The first connects.
            await asyncio.gather(*(batcher.submit({"number": number}) for number in range(3)))

    before = [measured(name) for name in ("size_count", "size_sum", "seconds_count")]
    seconds, began = measured("seconds_sum"), time.perf_counter()
    with_batcher(story)
    most = time.perf_counter() - began

    after = [measured(name) for name in ("size_count", "size_sum", "seconds_count")]
    assert [now - then for now, then in zip(after, before, strict=True)] == [2, 6, 2]
    assert 0 < measured("seconds_sum") - seconds < most


def test_an_item_that_is_no_json_fails_and_the_next_is_answered() -> None:
    async def story(batcher: Batcher) -> Any:
        await batcher.submit({"of": "the task that connects"})
        with pytest.raises(LedgerUnavailable):
            await batcher.submit({"half a character": "\ud800"})
        return await batcher.submit({"a": 1})

    assert with_batcher(story) == {"a": 1}


def test_closing_waits_for_what_was_submitted() -> None:
    async def story(batcher: Batcher) -> Any:
        await batcher.submit({"of": "the task that connects"})
        asked = batcher.submit({"a": 1})
        await batcher.close()
        return asked.result()

    assert with_batcher(story) == {"a": 1}


@pytest.mark.parametrize("function", ["jsonb_array_length", "jsonb_typeof"])
def test_what_is_no_answer_fails_every_call_and_none_waits_for_ever(
    function: str, sent: list[int]
) -> None:
    async def story(batcher: Batcher) -> None:
        for _ in range(2):  # The first connects.
            with pytest.raises(LedgerUnavailable):
                await asyncio.wait_for(batcher.submit({"a": 1}), timeout=30)

    with_batcher(story, function)
    assert sent == [1, 1]


def test_callers_of_a_batch_get_errors_of_their_own() -> None:
    async def story(batcher: Batcher) -> None:
        asked = [batcher.submit({"number": number}) for number in range(2)]
        first, second = await asyncio.gather(*asked, return_exceptions=True)
        assert isinstance(first, LedgerUnavailable)
        first.headers["x-ratelimit-limit-requests"] = "1"  # as the proxy adds
        assert isinstance(second, LedgerUnavailable)
        assert second.headers == {}

    with_batcher(story, "jsonb_array_length")
