"""A body past its limit is read to its end, and not kept: neither in memory nor on disk."""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from core.http.handlers import BoundedHandler

CHUNK = b"x" * 100_000
LIMIT = 3_000_000  # more than is kept in memory


class Handler(BoundedHandler):
    max_body = LIMIT


def receiving(chunks: int) -> Callable[[], Awaitable[dict[str, Any]]]:
    """Return what the server hands to an application: a body in so many parts."""

    def parts() -> Iterator[dict[str, Any]]:
        for number in range(chunks):
            more = number < chunks - 1
            yield {"type": "http.request", "body": CHUNK, "more_body": more}

    left = parts()

    async def receive() -> dict[str, Any]:
        return next(left)

    return receive


def size_of(body: Any) -> int:
    body.seek(0, 2)
    return int(body.tell())


@pytest.mark.parametrize("chunks", [1, 2, LIMIT // len(CHUNK)])
async def test_a_body_up_to_the_limit_is_kept_whole(chunks: int) -> None:
    with await Handler().read_body(receiving(chunks)) as body:
        assert size_of(body) == chunks * len(CHUNK)
        assert not body.too_large  # type: ignore[attr-defined]


@pytest.mark.parametrize("chunks", [LIMIT // len(CHUNK) + 1, 500])
async def test_of_a_longer_body_no_more_than_the_limit_is_kept(chunks: int) -> None:
    with await Handler().read_body(receiving(chunks)) as body:
        assert size_of(body) <= LIMIT
        assert body.too_large  # type: ignore[attr-defined]


async def test_a_body_without_end_is_not_read_for_ever() -> None:
    async def receive() -> dict[str, Any]:
        receive.calls += 1  # type: ignore[attr-defined]
        return {"type": "http.request", "body": b"x" * 10_000_000, "more_body": True}

    receive.calls = 0  # type: ignore[attr-defined]
    with await Handler().read_body(receive) as body:
        assert size_of(body) <= LIMIT
    assert receive.calls <= 30  # type: ignore[attr-defined]
