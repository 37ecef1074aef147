"""A connection that idles between requests keeps nothing of the last one, such as its body."""

import asyncio
import weakref
from types import SimpleNamespace
from typing import Any

import pytest

from core.http.disconnects import TELLS, Client, when_client_leaves


class Exchange:
    """What a request has set up, and would go on with if its client left."""

    def leave(self) -> None:
        raise AssertionError("It has not left.")


@pytest.mark.parametrize("tells", [{TELLS: True}, {}])
def test_nothing_is_kept(tells: dict[str, bool]) -> None:
    async def run() -> None:
        scope: Any = {**tells}  # the connection's, until its next request
        serving = asyncio.current_task()
        assert serving is not None
        client = Client(scope, asyncio.Event().wait, serving)
        client.watch()
        exchange = Exchange()
        kept = weakref.ref(exchange)
        when_client_leaves(SimpleNamespace(scope=scope), exchange.leave)
        client.ignore()
        del exchange
        assert kept() is None

    asyncio.run(run())
