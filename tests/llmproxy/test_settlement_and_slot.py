"""A request has ended when the ledger has its settlement, and its slot is free or has had its time.

The user's next request, which may reach another worker, then finds the slot free.
"""

import asyncio

import pytest

from accounts.models import User
from llmproxy.catalog.pricing import Weights
from llmproxy.catalog.snapshot import ServedModel
from llmproxy.protocol import calls
from llmproxy.relay import exchange as module
from llmproxy.relay.exchange import Exchange, Status
from tests.tokens.accounts import account, parts
from tests.tokens.event_loop import run
from tokens import ledger
from tokens.ledger import HoldContext, running
from tokens.limits.admission import Slot

pytestmark = pytest.mark.django_db(transaction=True)

CALL = calls.parse(calls.CHAT, b'{"model":"m","messages":[{"role":"user","content":"Hi"}]}')
MODEL = ServedModel("m", "M", "chat", None, None, Weights(), 0, ())


async def failed(user: User, freed: asyncio.Future[None]) -> Exchange:
    """Return a request that has failed, and whose slot is free when ``freed`` is done."""
    context = HoldContext(request_id="r", endpoint="chat/completions", model="m")
    hold = await ledger.areserve(user_id=user.pk, amount=100, ttl=60, context=context)
    slot = Slot("s1", user.pk, 100)
    slot.released = freed
    exchange = Exchange(call=CALL, model=MODEL, hold=hold, slot=slot, request_id="r")
    exchange.close(Status.FAILED)
    return exchange


async def settled(exchange: Exchange) -> None:
    """Wait until the ledger has the settlement, and for whatever follows from that at once."""
    while exchange in running.requests():  # noqa: ASYNC110 - without a pause
        await asyncio.sleep(0)
    for _ in range(10):
        await asyncio.sleep(0)


def test_it_waits_for_its_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    user = account(1000)
    monkeypatch.setattr(module, "_PATIENCE_WITH_LIMITS", 600.0)
    monkeypatch.setattr(module, "_PATIENCE", 600.0)

    async def story() -> tuple[bool, bool]:
        freed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        exchange = await failed(user, freed)
        closed = asyncio.create_task(exchange.closed())
        await settled(exchange)
        before = closed.done()
        freed.set_result(None)
        await closed
        return before, closed.done()

    assert run(story()) == (False, True)
    assert parts(user) == (1000, 0, 0, 0, 0)


def test_it_does_not_wait_for_ever() -> None:
    user = account(1000)

    async def story() -> bool:
        freed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        exchange = await failed(user, freed)
        await exchange.closed()
        return freed.done()

    assert run(story()) is False
    assert parts(user) == (1000, 0, 0, 0, 0)


def test_with_its_slot_free_it_ends_when_it_is_settled() -> None:
    user = account(1000)

    async def story() -> None:
        freed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        freed.set_result(None)
        exchange = await failed(user, freed)
        await exchange.closed()
        assert exchange not in running.requests()

    run(story())
    assert parts(user) == (1000, 0, 0, 0, 0)
