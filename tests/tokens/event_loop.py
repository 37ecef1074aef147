"""Running coroutines of the ledger on an event loop of their own."""

import asyncio
import gc
from collections.abc import Coroutine
from typing import Any, TypeVar

from tokens import ledger

T = TypeVar("T")


def run(story: Coroutine[Any, Any, T]) -> T:
    """Run on an event loop of its own, and let go of the ledger's connections after.

    What the event loop would only log fails the test, such as an error that nobody has looked at.
    """

    async def closing() -> T:
        unnoticed: list[dict[str, Any]] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: unnoticed.append(context))
        try:
            answer = await story
        finally:
            await ledger.aclose()
        await asyncio.sleep(0)  # Callbacks of what has ended run.
        gc.collect()  # A future tells when it is collected that nobody has looked at its error.
        assert not unnoticed, unnoticed
        return answer

    return asyncio.run(closing())
