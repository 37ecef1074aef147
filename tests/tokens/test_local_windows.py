"""The limits of one process, while Redis is unavailable."""

import pytest

from tokens.limits import windows
from tokens.limits.states import Limits, State
from tokens.limits.windows import LocalWindows

LIMITS = Limits(requests_per_minute=3, tokens_per_minute=1000, concurrent_requests=5)
OF_KEY = Limits(3, 1000, 5, key_requests_per_minute=2)
NOW = 1000.25  # its bucket ends at 1001, and leaves the window at 1061


def admit(
    local: LocalWindows,
    *,
    cost: int = 100,
    now: float = NOW,
    limits: Limits = LIMITS,
    running: int = 0,
    user: str = "u",
    key: str = "k",
) -> State:
    return local.admit(user, key, limits, running, cost=cost, now=now)


def peek(
    local: LocalWindows, *, now: float = NOW, limits: Limits = LIMITS, running: int = 0
) -> State:
    return local.peek("u", "k", limits, running, now=now)


def test_nothing_is_used_at_first() -> None:
    assert peek(LocalWindows(60)) == State(
        refused=0,
        wait=0,
        bucket=0,
        requests_left=3,
        requests_reset=0,
        tokens_left=1000,
        tokens_reset=0,
        slots_left=5,
        key_left=-1,
        key_reset=0,
    )


def test_a_request_is_counted_with_its_tokens_and_its_slot() -> None:
    local = LocalWindows(60)

    counted = State(0, 0, 0, 2, 60_750, 900, 60_750, 4, -1, 0)
    assert admit(local) == counted
    assert peek(local, running=1) == counted


def test_a_request_counts_for_the_user_by_tokens_and_for_the_key_once() -> None:
    local = LocalWindows(60)

    state = admit(local, limits=OF_KEY)

    assert (state.key_left, state.key_reset) == (1, 60_750)
    assert peek(local, limits=OF_KEY).key_left == 1


def test_a_request_without_tokens_resets_none() -> None:
    state = admit(LocalWindows(60), cost=0)

    assert (state.requests_reset, state.tokens_reset) == (60_750, 0)


def test_the_request_after_the_last_waits_for_the_oldest_to_leave_the_window() -> None:
    local = LocalWindows(60)
    for second in (0, 10, 20):
        assert admit(local, now=NOW + second).refused == 0

    refused = admit(local, now=NOW + 30)

    assert (refused.refused, refused.wait) == (1, 30_750)
    assert (refused.requests_left, refused.requests_reset) == (0, 50_750)
    assert refused.tokens_left == 700, "it was not counted"
    assert admit(local, now=NOW + 60.74).refused == 1
    assert admit(local, now=1061.0).refused == 0


def test_tokens_wait_for_as_many_buckets_as_they_need() -> None:
    local = LocalWindows(60)
    admit(local, cost=300, now=NOW)
    admit(local, cost=300, now=NOW + 10)

    assert admit(local, cost=401, now=NOW + 20)[:2] == (2, 40_750)
    assert admit(local, cost=700, now=NOW + 20)[:2] == (2, 40_750)
    assert admit(local, cost=701, now=NOW + 20)[:2] == (2, 50_750)
    assert admit(local, cost=400, now=NOW + 20).refused == 0


def test_more_tokens_than_the_limit_wait_a_whole_window() -> None:
    assert admit(LocalWindows(60), cost=1001)[:2] == (2, 60_000)
    assert admit(LocalWindows(30), cost=1001)[:2] == (2, 30_000)
    assert admit(LocalWindows(60), cost=1000).refused == 0


def test_the_longest_wait_is_the_one_that_is_told() -> None:
    local = LocalWindows(60)
    admit(local, cost=1000, now=NOW)
    for second in (10, 20):
        admit(local, cost=0, now=NOW + second)

    both = admit(local, cost=1, now=NOW + 30, limits=Limits(2, 1000, 5))

    assert both[:2] == (1, 40_750)


def test_slots_are_refused_for_a_second() -> None:
    local = LocalWindows(60)

    assert admit(local, running=4).slots_left == 0
    refused = admit(local, running=5)

    assert (refused.refused, refused.wait, refused.slots_left) == (3, 1000, 0)
    assert peek(local, running=9).slots_left == 0


def test_a_limit_of_the_rate_is_told_before_one_of_the_slots() -> None:
    local = LocalWindows(60)
    for _ in range(3):
        admit(local)

    assert admit(local, running=5)[:2] == (1, 60_750)


def test_a_key_has_a_limit_of_its_own() -> None:
    local = LocalWindows(60)
    for _ in range(2):
        admit(local, limits=OF_KEY)

    refused = admit(local, limits=OF_KEY)

    assert (refused.refused, refused.wait, refused.key_left) == (4, 60_750, 0)
    assert admit(local, limits=OF_KEY, key="other").refused == 0


def test_a_key_that_may_do_nothing_waits_a_whole_window() -> None:
    nothing = Limits(3, 1000, 5, key_requests_per_minute=0)

    refused = admit(LocalWindows(60), limits=nothing)

    assert (refused.refused, refused.wait, refused.key_left) == (4, 60_000, 0)


@pytest.mark.parametrize(
    ("limits", "refused"), [(Limits(0, 1000, 5), 1), (Limits(3, 0, 5), 2), (Limits(3, 1000, 0), 3)]
)
def test_a_limit_of_zero_allows_nothing(limits: Limits, refused: int) -> None:
    assert admit(LocalWindows(60), cost=0, limits=limits).refused == refused


def test_a_limit_of_one_allows_one() -> None:
    local, one = LocalWindows(60), Limits(1, 1, 1, key_requests_per_minute=1)

    assert admit(local, cost=1, limits=one).refused == 0
    assert admit(local, cost=0, limits=one, user="v", key="l").refused == 0


def test_a_limit_that_was_lowered_shows_nothing_left() -> None:
    local = LocalWindows(60)
    for _ in range(3):
        admit(local, cost=300)

    state = peek(local, limits=Limits(1, 500, 5, key_requests_per_minute=1))

    assert (state.requests_left, state.tokens_left, state.key_left) == (0, 0, 0)


def test_the_requests_of_all_keys_are_the_users() -> None:
    local = LocalWindows(60)
    for key in ("k", "l", "m"):
        assert admit(local, key=key).refused == 0

    assert admit(local, key="n")[:2] == (1, 60_750)


def test_a_limit_that_was_lowered_to_nothing_waits_a_whole_window() -> None:
    local = LocalWindows(60)
    admit(local, now=NOW - 30)

    assert admit(local, cost=0, limits=Limits(3, 0, 5))[:2] == (2, 60_000)


def test_a_limit_of_one_waits_for_the_one() -> None:
    local = LocalWindows(60)
    admit(local, now=NOW - 30)

    assert admit(local, limits=Limits(1, 1000, 5))[:2] == (1, 30_750)


def test_a_key_without_requests_has_nothing_to_reset() -> None:
    assert peek(LocalWindows(60), limits=OF_KEY)[-2:] == (2, 0)


@pytest.mark.parametrize("of_key", [0, 1])
def test_a_key_that_has_used_all_is_told_when_that_leaves(of_key: int) -> None:
    local = LocalWindows(60)
    admit(local)

    assert peek(local, limits=Limits(3, 1000, 5, of_key))[-2:] == (0, 60_750)


def test_users_are_counted_apart() -> None:
    local = LocalWindows(60)
    for _ in range(3):
        admit(local)

    assert admit(local, user="another", key="another's").requests_left == 2


def test_requests_of_the_same_second_share_a_bucket() -> None:
    local = LocalWindows(60)
    admit(local, cost=10, now=1000.0)
    admit(local, cost=20, now=1000.999)

    assert len(local._windows["u"].buckets) == 1
    assert peek(local, now=1060.999).tokens_left == 970
    assert peek(local, now=1061.0).tokens_left == 1000


def test_buckets_are_a_sixtieth_of_the_span() -> None:
    local = LocalWindows(30)

    assert admit(local, now=1000.25).requests_reset == 30_250  # its bucket ends at 1000.5


def test_a_clock_that_goes_back_counts_in_the_latest_bucket() -> None:
    local = LocalWindows(60)
    admit(local, now=NOW + 5)

    assert admit(local, now=NOW).requests_reset == 65_750


def test_the_subject_that_was_not_seen_for_longest_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(windows, "_MOST_SUBJECTS", 4)
    local = LocalWindows(60)
    admit(local, user="a", key="a's")
    admit(local, user="b", key="b's")
    admit(local, user="a", key="a's")
    admit(local, user="c", key="c's")

    assert list(local._windows) == ["a", "a's", "c", "c's"]
    assert local.peek("a", "a's", LIMITS, 0, now=NOW).requests_left == 1
    assert local.peek("b", "b's", LIMITS, 0, now=NOW).requests_left == 3
