"""Micro-batches: many callers share a statement, and each gets their own exact answer."""

import asyncio
import uuid
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection
from msgspec.structs import replace
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from accounts.models import User
from core.database import connect
from tests.tokens.accounts import account, parts
from tests.tokens.event_loop import run
from tests.tokens.wire import wire
from tokens import ledger
from tokens.errors import InsufficientTokens, LedgerUnavailable
from tokens.ledger import Hold, HoldContext, Receipt, Settlement, batched, items
from tokens.ledger.batching import Answer, Batcher, Item
from tokens.ledger.verify import verify
from tokens.models import Balance, Reservation, UsageRecord

pytestmark = pytest.mark.django_db(transaction=True)

RECEIPT = Receipt(model="test/model")


async def settle(hold: Hold, charge: int, receipt: Receipt = RECEIPT) -> Settlement:
    return await ledger.asettle(ledger.closing(hold=hold, charge=charge, receipt=receipt))


async def reserve_all(user: User, amounts: list[int]) -> list[Hold | BaseException]:
    asked = (ledger.areserve(user_id=user.pk, amount=amount, ttl=60) for amount in amounts)
    return await asyncio.gather(*asked, return_exceptions=True)


def test_parallel_callers_are_charged_exactly() -> None:
    user = account(10_000)

    async def story() -> int:
        holds = await reserve_all(user, [10] * 300)
        closing = (settle(hold, 7) for hold in holds if isinstance(hold, Hold))
        return sum(settled.charged for settled in await asyncio.gather(*closing))

    assert run(story()) == 2100
    assert parts(user) == (10_000, 2100, 0, 0, 0)
    assert verify() == []


def test_reserving_and_settling_are_measured_apart() -> None:
    user = account(1000)

    def measured() -> list[float]:
        names = ({"function": function} for function in ("tokens_reserve", "tokens_settle"))
        sizes = (REGISTRY.get_sample_value("tokengate_ledger_batch_size_sum", of) for of in names)
        return [size or 0 for size in sizes]

    async def story() -> None:
        first, *_ = await reserve_all(user, [10] * 3)
        assert isinstance(first, Hold)
        await settle(first, 7)

    before = measured()
    run(story())

    assert [now - then for now, then in zip(measured(), before, strict=True)] == [3, 1]


def test_a_reservation_is_as_it_was_asked_for() -> None:
    user, once, key = account(100), uuid.uuid4(), uuid.uuid4()
    context = HoldContext(request_id="req-1", api_key=key, endpoint="chat/completions", model="m")

    async def story() -> Hold:
        return await ledger.areserve(
            user_id=user.pk, amount=500, minimum=1, ttl=-1, reservation_id=once, context=context
        )

    hold = run(story())

    assert (hold.id, hold.amount) == (once, 100)
    reservation = Reservation.objects.get(pk=once)
    assert (reservation.request_id, reservation.api_key) == ("req-1", key)
    assert (reservation.endpoint, reservation.model) == ("chat/completions", "m")
    assert ledger.expire() == 1


def test_a_user_without_a_balance_gets_one_first() -> None:
    user = account(0)
    Balance.objects.filter(user=user).delete()

    (answer,) = run(reserve_all(user, [10]))

    assert isinstance(answer, InsufficientTokens)
    assert parts(user) == (0, 0, 0, 0, 0)


def test_one_users_requests_are_served_in_the_order_of_arrival() -> None:
    user = account(100)

    answers = run(reserve_all(user, [50, 60, 30, 30, 20, 1]))

    held = [answer.amount if isinstance(answer, Hold) else 0 for answer in answers]
    assert held == [50, 0, 30, 0, 20, 0]
    assert all(isinstance(answer, Hold | InsufficientTokens) for answer in answers)


def test_another_users_empty_balance_is_no_hindrance() -> None:
    rich, poor = account(1000), account(0)

    async def story() -> list[list[Hold | BaseException]]:
        everyone = (reserve_all(user, [10] * 100) for user in (rich, poor))
        return list(await asyncio.gather(*everyone))

    served, refused = run(story())
    assert all(isinstance(answer, Hold) for answer in served)
    assert all(isinstance(answer, InsufficientTokens) for answer in refused)


@pytest.mark.parametrize(("callers", "bad"), [(1, 0), (2, 1), (20, 7)])
def test_a_bad_item_fails_alone(callers: int, bad: int) -> None:
    user = account(1000)
    too_much = Receipt(model="x" * 201)

    async def story() -> list[Any]:
        holds = [hold for hold in await reserve_all(user, [10] * callers) if isinstance(hold, Hold)]
        closing = (
            settle(hold, 5, too_much if number == bad else RECEIPT)
            for number, hold in enumerate(holds)
        )
        return await asyncio.gather(*closing, return_exceptions=True)

    outcomes = run(story())

    failed = [number for number, outcome in enumerate(outcomes) if isinstance(outcome, Exception)]
    assert failed == [bad]
    assert isinstance(outcomes[bad], psycopg.errors.StringDataRightTruncation)
    assert parts(user)[1] == (callers - 1) * 5
    assert verify() == []


@pytest.mark.parametrize(
    ("said", "written"), [("gen-1", ("gen-1", 1, Decimal(2))), ("a\0b", ("", 0, None))]
)
def test_a_receipt_does_without_text_that_the_database_refuses(
    said: str, written: tuple[Any, ...]
) -> None:
    user = account(100)
    receipt = replace(RECEIPT, upstream_id=said, attempts=[{"provider": "p"}], cost=Decimal(2))

    async def story() -> Hold:
        hold = await ledger.areserve(user_id=user.pk, amount=10, ttl=60)
        assert (await settle(hold, 7, receipt)).charged == 7
        return hold

    with capture_logs() as logs:
        hold = run(story())

    record = UsageRecord.objects.get(pk=hold.id)
    assert record.charged == 7
    assert (record.upstream_id, len(record.attempts), record.cost) == written
    refused = {"event": "receipt_refused", "log_level": "error", "exc_info": True}
    assert logs == ([] if written[0] else [refused | {"reservation": str(hold.id)}])
    assert verify() == []


async def cut_the_ledgers_connections() -> None:
    """Do what an administrator, a failover or a network does to the batchers' connections."""
    admin = await connect()
    await admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND query LIKE 'SELECT tokens_%'"
    )
    await admin.close()


def test_lost_connections_lose_and_double_nothing() -> None:
    user = account(1_000_000)

    async def pair() -> int:
        hold = await ledger.areserve(user_id=user.pk, amount=10, ttl=60)
        return (await settle(hold, 7)).charged

    async def story() -> int:
        charged = 0
        for _ in range(8):
            pairs = [asyncio.create_task(pair()) for _ in range(50)]
            await asyncio.sleep(0.002)
            await cut_the_ledgers_connections()
            charged += sum(await asyncio.gather(*pairs))
        return charged

    assert run(story()) == 8 * 50 * 7
    assert parts(user) == (1_000_000, 8 * 50 * 7, 0, 0, 0)
    assert UsageRecord.objects.count() == 400
    assert verify() == []


def test_an_unreachable_database_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    user = account(1000)
    monkeypatch.setitem(connection.settings_dict, "HOST", "/nowhere")

    with capture_logs() as logs:
        answers = run(reserve_all(user, [10, 20]))

    assert [type(answer) for answer in answers] == [LedgerUnavailable] * 2
    outage = {"event": "ledger_unavailable", "log_level": "error", "exc_info": True}
    assert logs == [outage | {"callers": 2}]


@pytest.mark.parametrize("is_connected", [True, False])
def test_a_hold_whose_answer_was_lost_is_released_as_soon_as_the_ledger_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_connected: bool
) -> None:
    user = account(1000)

    async def story() -> tuple[Any, int]:
        admin = await connect()
        async with wire(tmp_path, monkeypatch) as path:
            if is_connected:
                await ledger.areserve(user_id=user.pk, amount=10, ttl=60)
            path.last = b'"held": 20'
            with capture_logs() as outages:
                (refused,) = await reserve_all(user, [20])
                lost = await reserved(admin)
                await until(lambda: len(outages) == 2)  # The release has failed, too.
            path.last, path.loses_answers = b"", False
            await until(lambda: not batched._batchers()._letting_go)
        await admin.close()
        return refused, lost

    refused, lost = run(story())

    assert isinstance(refused, LedgerUnavailable)
    held = 10 if is_connected else 0
    assert lost == held + 20
    assert parts(user) == (1000, 0, 0, held, 0)
    assert verify() == []


def test_a_release_is_tried_again_after_longer_and_longer_pauses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    user, pauses, sleep = account(1000), [], asyncio.sleep
    hold = ledger.reserve(user_id=user.pk, amount=20, ttl=60)

    async def shortly(seconds: float) -> None:
        pauses.append(seconds)
        if seconds == batched._RETRY_AT_MOST:
            outage.undo()
        await sleep(0)

    async def story() -> None:
        batchers = batched._batchers()
        batchers.let_go([items.to_hold(user.pk, 20, None, 60, hold.id, None)])
        await asyncio.wait(batchers._letting_go)

    monkeypatch.setattr(asyncio, "sleep", shortly)
    with monkeypatch.context() as outage:
        outage.setitem(connection.settings_dict, "HOST", "/nowhere")
        run(story())

    of_the_statement = [0, 0.05, 0.1]
    assert pauses[:12] == [0.1, *of_the_statement, 0.2, *of_the_statement, 0.4, *of_the_statement]
    assert pauses[12:32:4] == [0.8, 1.6, 3.2, 6.4, 10]
    assert parts(user) == (1000, 0, 0, 0, 0)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(120):
        while not condition():  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.02)


async def reserved(admin: psycopg.AsyncConnection[Any]) -> int:
    found = await admin.execute("SELECT sum(reserved) FROM tokens_balance")
    (total,) = await found.fetchone() or (0,)
    return int(total)


def test_a_caller_who_is_cancelled_holds_nothing() -> None:
    user = account(1_000_000)

    async def story() -> None:
        for pause in range(30):
            asked = asyncio.create_task(ledger.areserve(user_id=user.pk, amount=10, ttl=60))
            await asyncio.sleep(pause / 5000)
            asked.cancel()
            await asyncio.wait([asked])
            if not asked.cancelled():
                await settle(asked.result(), 0)

    run(story())

    assert parts(user) == (1_000_000, 0, 0, 0, 0)
    assert not Reservation.objects.filter(state="held").exists()
    assert verify() == []


@pytest.fixture
def cancelled_as_it_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cancel the task that awaits an answer of the ledger when it is there, before it runs."""
    submit = Batcher.submit

    def cancelling(self: Batcher, item: Item) -> asyncio.Future[Answer]:
        asked = submit(self, item)
        if task := asyncio.current_task():
            asked.add_done_callback(lambda _: task.cancel())
        return asked

    monkeypatch.setattr(Batcher, "submit", cancelling)


@pytest.mark.usefixtures("cancelled_as_it_is_answered")
def test_a_caller_who_is_cancelled_as_the_answer_arrives_holds_nothing() -> None:
    user = account(1000)

    (answer,) = run(reserve_all(user, [10]))

    assert isinstance(answer, asyncio.CancelledError)
    assert parts(user) == (1000, 0, 0, 0, 0)
    assert not Reservation.objects.filter(state="held").exists()


@pytest.mark.usefixtures("cancelled_as_it_is_answered")
def test_a_caller_who_is_cancelled_as_an_error_arrives_is_cancelled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    user = account(1000)
    monkeypatch.setitem(connection.settings_dict, "HOST", "/nowhere")

    (answer,) = run(reserve_all(user, [10]))

    assert isinstance(answer, asyncio.CancelledError)


def test_a_caller_without_a_balance_who_is_cancelled_harms_nobody_else() -> None:
    stranger, user = account(0), account(1000)
    Balance.objects.filter(user=stranger).delete()

    async def story() -> Hold:
        theirs, ours = (
            asyncio.create_task(ledger.areserve(user_id=pk, amount=10, ttl=60))
            for pk in (stranger.pk, user.pk)
        )
        await asyncio.sleep(0)  # They are in one batch.
        theirs.cancel()
        return await ours

    assert run(story()).amount == 10


def test_a_cancelled_callers_hold_expires_if_it_cannot_be_released(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    user = account(1000)

    async def story() -> None:
        await ledger.areserve(user_id=user.pk, amount=10, ttl=60)
        asked = asyncio.create_task(ledger.areserve(user_id=user.pk, amount=20, ttl=-1))
        await asyncio.sleep(0)
        asked.cancel()
        monkeypatch.setitem(connection.settings_dict, "HOST", "/nowhere")
        await ledger.aclose()

    with capture_logs():  # Else the log record would keep the error, which nobody else looks at.
        run(story())
    monkeypatch.undo()

    assert parts(user)[3] == 30
    assert ledger.expire() == 1
    assert parts(user)[3] == 10


def test_a_locked_balance_holds_up_nobody_else() -> None:
    stuck, other = account(1000), account(1000)

    async def story() -> tuple[Any, Any]:
        admin = await connect()
        async with admin.transaction():
            await admin.execute(
                "SELECT 1 FROM tokens_balance WHERE user_id = %s FOR UPDATE", [stuck.pk]
            )
            theirs = asyncio.create_task(reserve_all(stuck, [10]))
            ours = asyncio.create_task(reserve_all(other, [10]))
            answers = await theirs, await ours
        await admin.close()
        return answers

    with capture_logs() as logs:
        (refused,), (served,) = run(story())

    assert isinstance(refused, LedgerUnavailable)
    assert isinstance(served, Hold)
    (locked,) = logs
    assert (locked["event"], locked["user_id"]) == ("balance_locked", stuck.pk)
    assert locked["error"].startswith("LockNotAvailable(")


def test_a_cancelled_statement_is_sent_again() -> None:
    user = account(1000)

    async def cancel() -> None:
        admin = await connect()
        await admin.execute(
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND query LIKE 'SELECT tokens_%'"
        )
        await admin.close()

    async def story() -> int:
        charged = 0
        for _ in range(5):
            holds = [hold for hold in await reserve_all(user, [5] * 20) if isinstance(hold, Hold)]
            closing = [asyncio.create_task(settle(hold, 2)) for hold in holds]
            await cancel()
            charged += sum(settled.charged for settled in await asyncio.gather(*closing))
        return charged

    assert run(story()) == 5 * 20 * 2
    assert verify() == []
