"""Running coroutines of the ledger on an event loop of their own."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from tokens import ledger

T = TypeVar("T")


def run(story: Coroutine[Any, Any, T]) -> T:
    """Run on an event loop of its own, and let go of the ledger's connections after."""

    async def closing() -> T:
        try:
            return await story
        finally:
            await ledger.aclose()

    return asyncio.run(closing())
