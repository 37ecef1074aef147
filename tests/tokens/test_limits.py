"""The limits by themselves: what is counted, until when, and with Redis dead, frozen or emptied."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from itertools import count
from uuid import uuid4

import pytest
from pytest_django import Settings
from structlog.testing import capture_logs

from tests.tokens.limits_clock import LimitsClock
from tests.valkey import ValkeyProcess
from tokens.errors import ConcurrencyLimited, KeyBudgetExceeded, LimitReached
from tokens.limits import admission, redis_link
from tokens.limits.admission import Slot
from tokens.limits.redis_link import RedisLink
from tokens.limits.states import Limits, State, duration

USERS = count(1)
ROOMY = Limits(1_000, 100_000, 1_000)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyProcess]:
    process = ValkeyProcess(tmp_path_factory.mktemp("valkey"))
    yield process
    process.close()


@pytest.fixture
async def valkey(server: ValkeyProcess, settings: Settings) -> AsyncIterator[ValkeyProcess]:
    settings.REDIS_URL = server.url
    settings.LIMITS_REDIS_TIMEOUT = 60.0  # a busy machine is no outage
    yield server
    await admission.aclose()


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> LimitsClock:
    """The time of these tests, however long they take."""
    return LimitsClock(monkeypatch)


@pytest.fixture
def user() -> int:
    return next(USERS)


async def admit(user: int, allowed: Limits, tokens: int = 10) -> Slot:
    return await admission.admit(user_id=user, api_key=None, limits=allowed, tokens=tokens)


def left(user: int, allowed: Limits) -> State:
    return admission.peek(user_id=user, api_key=None, limits=allowed)


def the_link() -> RedisLink:
    """The connection of this test's event loop."""
    link = admission._limiter()._redis
    assert isinstance(link, RedisLink)
    return link


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(120):
        while not condition():  # noqa: ASYNC110 - another process has no event of ours
            await asyncio.sleep(0.01)


async def next_bucket(clock: LimitsClock, user: int, allowed: Limits) -> Slot:
    """Admit a request that is counted in a bucket of its own."""
    clock.advance(admission._times()[1])
    return await admit(user, allowed)


async def refusal(user: int, allowed: Limits, tokens: int = 10) -> LimitReached:
    with pytest.raises(LimitReached) as refused:
        await admit(user, allowed, tokens)
    return refused.value


@pytest.mark.usefixtures("valkey")
async def test_a_released_slot_is_counted_by_its_charge(user: int) -> None:
    allowed = Limits(3, 100, 2, key_requests_per_minute=None)

    slot = await admit(user, allowed, tokens=70)

    assert slot.headers["x-ratelimit-limit-requests"] == "3"
    assert slot.headers["x-ratelimit-remaining-requests"] == "2"
    assert slot.headers["x-ratelimit-remaining-tokens"] == "30"
    assert slot.headers["x-ratelimit-reset-requests"].startswith(("1m0", "59."))
    state = left(user, allowed)
    assert (state.requests_left, state.tokens_left, state.slots_left) == (2, 30, 1)
    await slot.release(charged=15)
    await slot.release(charged=0)  # Only the first counts.
    state = left(user, allowed)
    assert (state.requests_left, state.tokens_left, state.slots_left) == (2, 85, 2)


@pytest.mark.usefixtures("valkey")
@pytest.mark.parametrize(
    ("allowed", "limit"),
    [
        (Limits(7, 10_000, 50), "requests_per_minute"),
        (Limits(50, 79, 50), "tokens_per_minute"),
        (Limits(50, 10_000, 7), "concurrent_requests"),
        (Limits(50, 10_000, 50, key_requests_per_minute=7), "key_requests_per_minute"),
        (Limits(0, 10_000, 50), "requests_per_minute"),
        (Limits(50, 0, 50), "tokens_per_minute"),
        (Limits(50, 10_000, 0), "concurrent_requests"),
    ],
)
async def test_no_more_than_the_limit(user: int, allowed: Limits, limit: str) -> None:
    asked = [admit(user, allowed, 11) for _ in range(40)]

    answers = await asyncio.gather(*asked, return_exceptions=True)

    refused = [answer for answer in answers if isinstance(answer, LimitReached)]
    most = 0 if 0 in vars(allowed).values() else 7
    assert len(answers) - len(refused) == most
    for error in refused:
        assert error.facts["limit"] == limit
        assert 1 <= error.facts["retry_after"] <= 61
        assert error.headers["x-ratelimit-limit-requests"]
        assert isinstance(error, ConcurrencyLimited) == (limit == "concurrent_requests")
    # What was refused has counted nowhere.
    assert left(user, allowed).requests_left == max(allowed.requests_per_minute - most, 0)


@pytest.mark.usefixtures("valkey")
async def test_beyond_a_whole_minutes_tokens(user: int) -> None:
    allowed = Limits(10, 100, 10)

    slot = await admit(user, allowed, tokens=5_000)

    assert left(user, allowed).tokens_left == 0
    assert (await refusal(user, allowed, 1)).facts["limit"] == "tokens_per_minute"
    await slot.release(charged=5_000)
    assert left(user, allowed).tokens_left == 0
    assert (await refusal(user, allowed, 1)).facts["retry_after"] > 50


@pytest.mark.usefixtures("valkey")
async def test_keys_count_apart_and_the_plan_together(user: int) -> None:
    allowed, keys = Limits(3, 1_000, 10, key_requests_per_minute=2), [uuid4(), uuid4()]

    async def by(number: int) -> Slot:
        return await admission.admit(user_id=user, api_key=keys[number], limits=allowed, tokens=1)

    await by(0)
    await by(0)
    with pytest.raises(LimitReached) as by_key:
        await by(0)
    slot = await by(1)
    with pytest.raises(LimitReached) as by_plan:
        await by(1)

    assert by_key.value.facts["limit"] == "key_requests_per_minute"
    assert slot.headers["x-ratelimit-remaining-requests"] == "0"
    assert by_plan.value.facts["limit"] == "requests_per_minute"


@pytest.mark.parametrize("away", [False, True])
async def test_the_window_slides(
    valkey: ValkeyProcess, settings: Settings, clock: LimitsClock, user: int, away: bool
) -> None:
    """In no span as long as the window are more admitted than the limit, whenever it begins."""
    settings.LIMITS_WINDOW, span = 0.4, 400
    admission._local.cache_clear()
    if away:
        settings.REDIS_URL = "unix:///nowhere?db=0"
    allowed, ends = Limits(5, 100_000, 10_000), clock.ms + 4 * span
    admitted: list[int] = []
    waits: set[int] = set()

    while clock.ms < ends:
        try:
            await admit(user, allowed)
        except LimitReached as refused:
            waits.add(refused.facts["retry_after"])
        else:
            admitted.append(clock.ms)
        clock.advance(3)

    admission._local.cache_clear()
    for first, sixth in zip(admitted, admitted[5:], strict=False):
        assert sixth - first >= span
    assert len(admitted) == 20  # It does open again, three times.
    assert waits == {1}


@pytest.mark.usefixtures("valkey")
async def test_what_was_charged_nothing_leaves_the_window(
    settings: Settings, clock: LimitsClock, user: int
) -> None:
    """To take 0 tokens from a sum is what Redis before 7.2 must be asked for in the right way."""
    settings.LIMITS_WINDOW = 0.2
    one = Limits(1, 100, 10)
    slot = await admit(user, one)
    await slot.release(charged=0)

    clock.advance(200)
    await refusal(user, one)
    clock.advance(1)
    following = await admit(user, one)

    assert following.bucket  # It was Redis that let it in.


@pytest.mark.usefixtures("valkey")
async def test_asked_again(clock: LimitsClock, user: int) -> None:
    """An answer that was lost is asked for again: it is the same, and nothing is counted twice."""
    one, slot = Limits(1, 100, 1, key_requests_per_minute=1), Slot("s1", user, 70)
    first = await admission._limiter()._ask(slot, None, one)
    await (await next_bucket(clock, user, Limits(100, 200, 100))).release(charged=0)

    again = await admission._limiter()._ask(slot, None, one)

    assert (again.refused, again.bucket) == (0, first.bucket)
    assert (again.requests_left, again.tokens_left) == (0, 30)
    assert (again.slots_left, again.key_left) == (0, 0)


@pytest.mark.usefixtures("valkey")
async def test_tokens_are_corrected_where_they_were_counted(clock: LimitsClock, user: int) -> None:
    allowed = Limits(100, 100, 100)
    early = await admit(user, allowed, tokens=60)
    late = await next_bucket(clock, user, allowed)
    await late.release(charged=20)
    await early.release(charged=50)

    # All but the early ones have to leave, and then all.
    some = await admission._limiter()._ask(Slot("s1", user, 80), None, allowed)
    all_ = await admission._limiter()._ask(Slot("s2", user, 81), None, allowed)

    assert (some.refused, some.tokens_left) == (2, 30)
    assert 50_000 < some.wait < some.tokens_reset
    assert (all_.refused, all_.wait) == (2, all_.tokens_reset)


async def test_what_has_left_is_forgotten(
    valkey: ValkeyProcess, settings: Settings, clock: LimitsClock, user: int
) -> None:
    settings.LIMITS_WINDOW = 0.3
    name, wide = f"window:{{{user}}}", Limits(10_000, 10_000_000, 100)
    most = 0
    for _ in range(3 * 300):
        await (await admit(user, wide)).release(charged=9)
        most = max(most, valkey.client.hlen(name))
        clock.advance(1)
    state = left(user, wide)
    assert 10_000_000 - state.tokens_left == 9 * (10_000 - state.requests_left)
    clock.advance(300)
    assert left(user, wide).requests_left == 10_000
    assert valkey.client.hlen(name) == 1  # To look is enough.

    await admit(user, wide)

    assert 10 < most <= 302  # Of a millisecond each.
    # Its sums, and the slot of the last one.
    assert valkey.client.hlen(name) == 2
    assert left(user, wide).tokens_left == 10_000_000 - 10
    assert 0 < valkey.client.pttl(name) <= 1_000 * (admission._limiter()._lease + 1)


@pytest.mark.parametrize("emptied", [False, True])
async def test_a_lease_ends(
    valkey: ValkeyProcess, settings: Settings, clock: LimitsClock, user: int, emptied: bool
) -> None:
    """A slot of a process that died comes free; one that is renewed does not."""
    settings.RESERVATION_TTL = 0.3
    one = Limits(1_000, 100_000, 1)
    slot = await admit(user, one)
    for _ in range(5):
        clock.advance(299)
        assert isinstance(await refusal(user, one), ConcurrencyLimited)
        await admission.renew()
    if emptied:  # What it knows of the slot it has from the renewal.
        valkey.client.flushall()
        await admission.renew()

    admission._running.clear()  # As if this process were gone.
    clock.advance(299)
    assert left(user, one).slots_left == 0
    clock.advance(1)
    assert left(user, one).slots_left == 1
    await admit(user, one)
    await slot.release(charged=0)


async def test_emptied(valkey: ValkeyProcess, user: int) -> None:
    two = Limits(1_000, 100_000, 2)
    slots = [await admit(user, two), await admit(user, two)]

    valkey.client.flushall()
    valkey.client.script_flush()
    await admission.renew()

    assert isinstance(await refusal(user, two), ConcurrencyLimited)
    await slots[0].release(charged=5)
    assert left(user, two).tokens_left == 100_000
    await admit(user, two)


async def test_killed_and_started_again(valkey: ValkeyProcess, user: int) -> None:
    four, wide = Limits(4, 100_000, 3), Limits(4, 100_000, 100)
    slot = await admit(user, four)
    with capture_logs() as logs:
        valkey.kill()
        local = [await admit(user, four), await admit(user, four)]
        assert isinstance(await refusal(user, four), ConcurrencyLimited)
        local[0].release(charged=0)
        await admit(user, four)
        await admit(user, wide)
        assert (await refusal(user, wide)).facts["limit"] == "requests_per_minute"
        assert left(user, four).requests_left == 0
        valkey.start()
        async with asyncio.timeout(120):
            while not (await admit(next(USERS), ROOMY)).shared:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    await slot.release(charged=0)

    assert [log["event"] for log in logs] == ["redis_is_away", "redis_is_back"]
    assert (await admit(user, four)).headers["x-ratelimit-remaining-requests"] == "3"


async def test_a_slot_of_an_outage_is_given_back_after_it(valkey: ValkeyProcess, user: int) -> None:
    """From its renewal on Redis knows of it, so Redis is told when its request has ended."""
    two = Limits(100, 100_000, 2)
    await admission.connect()
    valkey.kill()
    slots = [await admit(user, two), await admit(user, two)]
    valkey.start()
    await until(lambda: valkey.client.ping())
    the_link()._unavailable_until = 0.0

    await admission.renew()
    assert left(user, two).slots_left == 0
    for slot in slots:
        await slot.release(charged=0)

    assert left(user, two).slots_left == 2


async def test_a_script_that_fails_is_no_outage(valkey: ValkeyProcess) -> None:
    """Whose counters are spoilt is counted locally; everybody else as before, on the same pipe."""
    spoilt, other = next(USERS), next(USERS)
    await admission.connect()
    pipe = the_link()._pipe
    valkey.client.hset(f"window:{{{spoilt}}}", "window", "no sums")

    with capture_logs() as logs:
        slot = await admit(spoilt, ROOMY)
        assert (await admit(other, ROOMY)).bucket
        await admission.renew()
        await slot.release(charged=0)

    assert not slot.bucket
    assert the_link()._pipe is pipe
    assert [log["event"] for log in logs] == ["redis_script_failed"]


async def test_frozen(
    valkey: ValkeyProcess, settings: Settings, monkeypatch: pytest.MonkeyPatch, user: int
) -> None:
    """One wait of the timeout, then none."""
    settings.LIMITS_REDIS_TIMEOUT = 0.1
    while the_link()._pipe is None:  # It may take longer than that to connect.
        the_link()._unavailable_until = 0.0
        await admission.connect()
    monkeypatch.setattr(redis_link, "_AWAY_SECONDS", 600.0)  # A slow test is no second outage.
    valkey.freeze()
    try:
        first = await admit(user, ROOMY)
        asked_redis = the_link()._pipe
        second = await admit(user, ROOMY)
    finally:
        valkey.thaw()

    assert first.shared  # It may have been counted after all.
    assert not second.shared
    assert asked_redis is not None
    assert asked_redis.closed


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "0s"),
        (6, "6ms"),
        (1_000, "1s"),
        (59_950, "59.95s"),
        (60_000, "1m0s"),
        (61_500, "1m1.5s"),
    ],
)
def test_resets_are_written_as_openai_does(ms: int, text: str) -> None:
    assert duration(ms) == text


@pytest.mark.parametrize(("wait", "header"), [(7, "7"), (59, "59"), (60, "59"), (3600, "59")])
def test_the_header_asks_for_less_than_a_minute_which_clients_obey(wait: int, header: str) -> None:
    now = datetime.now(UTC)

    limited = LimitReached(limit="requests_per_minute", retry_after=wait, resets_at=now, headers={})
    spent = KeyBudgetExceeded(budget=1, left=0, resets_at=now, retry_after=wait)

    assert {error.headers["Retry-After"] for error in (limited, spent)} == {header}
    assert limited.facts["retry_after"] == spent.facts["retry_after"] == wait
