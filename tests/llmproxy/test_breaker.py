"""The circuit breaker's rules, one worker and a clock of our own."""

import pytest

from llmproxy.routing.breaker import Breaker, Fault, Limits

LIMITS = Limits(failures=3, window=30, pause=5)
NOW = 1_000_000.0


def fail(breaker: Breaker, now: float, *, fault: Fault = Fault.BROKEN, **options: float) -> None:
    breaker.failed(now, fault=fault, error="status_500", model="m", limits=LIMITS, **options)


def opened() -> Breaker:
    breaker = Breaker()
    for _ in range(3):
        fail(breaker, NOW)
    return breaker


def test_an_open_breaker_half_opens_and_closes_after_a_success() -> None:
    breaker = opened()

    assert not breaker.may_ask("m", NOW + 4.9)
    assert breaker.health(NOW, LIMITS) == "down"
    assert breaker.may_ask("m", NOW + 5)
    assert not breaker.may_ask("m", NOW + 5), "one at a time tries it out"
    breaker.succeeded(NOW + 6, ms=80)
    assert breaker.may_ask("m", NOW + 6)
    assert breaker.may_ask("m", NOW + 6)
    assert breaker.health(NOW + 6, LIMITS) == "degraded"
    assert breaker.health(NOW + 60, LIMITS) == "up"


def test_a_trial_that_fails_doubles_the_pause() -> None:
    breaker = opened()
    for pause, now in ((10, NOW + 5), (20, NOW + 15), (40, NOW + 35)):
        assert breaker.may_ask("m", now)
        fail(breaker, now)
        assert breaker.free_at("m") == now + pause


def test_the_pause_has_an_end() -> None:
    breaker, now = opened(), NOW
    for _ in range(30):
        now = breaker.open_until
        assert breaker.may_ask("m", now)
        fail(breaker, now)
    assert breaker.open_until - now == 300


@pytest.mark.parametrize("gap", [31, 60])
def test_failures_far_apart_open_nothing(gap: float) -> None:
    breaker = Breaker()
    for turn in range(10):
        fail(breaker, NOW + turn * gap)
        assert breaker.may_ask("m", NOW + turn * gap)


def test_few_failures_among_many_answers_open_nothing() -> None:
    breaker = Breaker()
    for turn in range(100):
        if turn % 3:
            breaker.succeeded(NOW, ms=1)
        else:
            fail(breaker, NOW)
    assert breaker.may_ask("m", NOW)


def test_a_refused_account_opens_at_once_and_for_longer() -> None:
    breaker = Breaker()
    fail(breaker, NOW, fault=Fault.REFUSED)

    assert not breaker.may_ask("m", NOW + 59)
    assert breaker.may_ask("m", NOW + 60)


def test_a_busy_model_is_left_alone_for_as_long_as_it_says() -> None:
    breaker = Breaker()
    for _ in range(10):
        fail(breaker, NOW, fault=Fault.BUSY, retry_after=7)

    assert not breaker.may_ask("m", NOW + 6)
    assert breaker.may_ask("other", NOW)
    assert breaker.may_ask("m", NOW + 7)


def test_a_503_that_says_when_to_come_again_opens_until_then() -> None:
    breaker = Breaker()
    fail(breaker, NOW, retry_after=20)

    assert breaker.free_at("m") == NOW + 20


def test_an_unknown_model_says_nothing_about_the_provider() -> None:
    breaker = Breaker()
    for _ in range(10):
        fail(breaker, NOW, fault=Fault.UNKNOWN_MODEL)
    assert breaker.may_ask("m", NOW)


def test_a_trial_whose_client_left_lets_another_try() -> None:
    breaker = opened()
    assert breaker.may_ask("m", NOW + 5)
    breaker.shows_nothing()
    assert breaker.may_ask("m", NOW + 5)


def test_a_trial_that_was_lost_lets_another_try() -> None:
    breaker = opened()
    assert breaker.may_ask("m", NOW + 5)
    assert not breaker.may_ask("m", NOW + 64)
    assert breaker.may_ask("m", NOW + 65)


def test_workers_follow_each_other() -> None:
    breaker, other = opened(), Breaker()

    other.adopt_state(breaker.state())
    other.adopt_sight(breaker.sight())
    assert not other.may_ask("m", NOW + 4)
    assert other.last_error == "status_500"

    assert other.may_ask("m", NOW + 5)
    other.succeeded(NOW + 5, ms=10)
    breaker.adopt_state(other.state())
    assert breaker.may_ask("m", NOW + 5)


def test_nothing_is_known_at_first() -> None:
    breaker = Breaker()

    assert breaker.state() == {"at": 0.0, "until": 0.0, "trips": 0}
    assert breaker.sight() == {"at": 0.0, "ms": None, "error": "", "error_at": 0.0}
    assert breaker.may_ask("m", 0.0)
    assert breaker.free_at("m") == 0.0
    assert breaker.health(NOW, LIMITS) == "up"


def test_the_latency_is_a_mean_in_which_the_last_counts_a_fifth() -> None:
    breaker = Breaker()

    breaker.succeeded(NOW, ms=100)
    assert breaker.sight() == {"at": NOW, "ms": 100, "error": "", "error_at": 0.0}
    breaker.succeeded(NOW + 1, ms=200)
    assert breaker.latency_ms == pytest.approx(120)
    assert breaker.seen_at == NOW + 1


def test_the_state_says_since_when_until_when_and_how_often() -> None:
    breaker = opened()
    assert breaker.state() == {"at": NOW, "until": NOW + 5, "trips": 1}
    assert breaker.sight() == {"at": NOW, "ms": None, "error": "status_500", "error_at": NOW}

    assert breaker.may_ask("m", NOW + 6)
    fail(breaker, NOW + 7)
    assert breaker.state() == {"at": NOW + 7, "until": NOW + 17, "trips": 2}

    breaker.succeeded(NOW + 20, ms=1)
    assert breaker.state() == {"at": NOW + 20, "until": 0.0, "trips": 0}


def test_what_was_sent_before_it_opened_does_not_open_it_again() -> None:
    breaker = opened()
    fail(breaker, NOW + 4.9)

    assert breaker.state() == {"at": NOW, "until": NOW + 5, "trips": 1}
    fail(breaker, NOW + 5)
    assert breaker.state()["trips"] == 2


def test_a_success_forgets_the_failures_before_it_closed() -> None:
    breaker = opened()
    breaker.succeeded(NOW + 6, ms=1)
    fail(breaker, NOW + 6)
    fail(breaker, NOW + 6)

    assert breaker.may_ask("m", NOW + 6)
    fail(breaker, NOW + 6)
    assert not breaker.may_ask("m", NOW + 6)


def test_a_success_of_a_closed_breaker_changes_no_state() -> None:
    breaker = Breaker()
    breaker.succeeded(NOW, ms=1)

    assert breaker.state() == {"at": 0.0, "until": 0.0, "trips": 0}


def test_half_of_the_recent_requests_must_fail() -> None:
    half, fewer = Breaker(), Breaker()
    for breaker, successes in ((half, 3), (fewer, 4)):
        for _ in range(successes):
            breaker.succeeded(NOW, ms=1)
        for _ in range(3):
            fail(breaker, NOW)

    assert not half.may_ask("m", NOW)
    assert fewer.may_ask("m", NOW)


def test_failures_leave_the_window() -> None:
    inside, outside = Breaker(), Breaker()
    for breaker, last in ((inside, NOW + 29), (outside, NOW + 30)):
        fail(breaker, NOW)
        fail(breaker, NOW)
        fail(breaker, last)

    assert not inside.may_ask("m", NOW + 29)
    assert outside.may_ask("m", NOW + 30)


def test_a_failure_shows_for_as_long_as_the_window() -> None:
    breaker = Breaker()
    fail(breaker, NOW)

    assert breaker.health(NOW + 29, LIMITS) == "degraded"
    assert breaker.health(NOW + 30, LIMITS) == "up"


@pytest.mark.parametrize(
    ("retry_after", "pause"), [(None, 2), (0, 2), (7, 7), (300, 300), (301, 300)]
)
def test_a_busy_model_pauses_for_two_seconds_to_five_minutes(
    retry_after: float | None, pause: float
) -> None:
    breaker = Breaker()
    breaker.failed(
        NOW, fault=Fault.BUSY, error="busy", model="m", limits=LIMITS, retry_after=retry_after
    )

    assert breaker.free_at("m") == NOW + pause
    assert not breaker.may_ask("m", NOW + pause - 0.1)
    assert breaker.may_ask("m", NOW + pause)
    assert breaker.free_at("other") == 0.0


@pytest.mark.parametrize(("retry_after", "pause"), [(1, 5), (5, 5), (6, 6), (400, 300)])
def test_a_pause_is_at_least_what_the_provider_says(retry_after: float, pause: float) -> None:
    breaker = Breaker()
    fail(breaker, NOW, retry_after=retry_after)

    assert breaker.open_until == NOW + pause


@pytest.mark.parametrize("fault", [Fault.BUSY, Fault.UNKNOWN_MODEL])
def test_a_trial_that_shows_nothing_about_the_provider_lets_another_try(fault: Fault) -> None:
    breaker = opened()
    assert breaker.may_ask("m", NOW + 5)
    fail(breaker, NOW + 6, fault=fault)

    assert breaker.may_ask("other", NOW + 6)


def test_a_pause_ends_a_trial() -> None:
    breaker = opened()
    assert breaker.may_ask("m", NOW + 5)
    fail(breaker, NOW + 6)

    assert breaker.may_ask("m", NOW + 16)


def test_a_busy_model_waits_for_the_provider_too() -> None:
    breaker = opened()
    fail(breaker, NOW, fault=Fault.BUSY, retry_after=20)

    assert breaker.free_at("m") == NOW + 20
    assert breaker.free_at("other") == NOW + 5


def test_no_more_than_a_thousand_models_are_remembered() -> None:
    breaker = Breaker()
    for number in range(1001):
        breaker.failed(
            NOW, fault=Fault.BUSY, error="busy", model=f"m{number}", limits=LIMITS, retry_after=9
        )

    assert breaker.free_at("m999") == 0.0, "all were forgotten"
    assert breaker.free_at("m1000") == NOW + 9


def test_an_adopted_state_replaces_what_was_seen_here() -> None:
    breaker = Breaker()
    fail(breaker, NOW)
    fail(breaker, NOW)
    breaker.adopt_state({"at": NOW, "until": 0.0, "trips": 3})
    breaker.adopt_sight({"at": NOW + 1, "ms": 7.0, "error": "e", "error_at": NOW - 99})

    assert breaker.state() == {"at": NOW, "until": 0.0, "trips": 3}
    assert breaker.sight() == {"at": NOW + 1, "ms": 7.0, "error": "e", "error_at": NOW - 99}
    fail(breaker, NOW)
    fail(breaker, NOW)
    assert breaker.may_ask("m", NOW)
    fail(breaker, NOW)
    assert breaker.open_until == NOW + 5 * 2**3


def test_an_adopted_state_lets_a_trial_begin() -> None:
    breaker = opened()
    assert breaker.may_ask("m", NOW + 5)
    breaker.adopt_state({"at": NOW + 6, "until": NOW + 7, "trips": 2})

    assert not breaker.may_ask("m", NOW + 6)
    assert breaker.may_ask("m", NOW + 7)


def test_only_the_last_twenty_requests_count() -> None:
    breaker = Breaker()
    for _ in range(30):
        breaker.succeeded(NOW, ms=1)
    for _ in range(9):
        fail(breaker, NOW)

    assert breaker.may_ask("m", NOW)
    fail(breaker, NOW)
    assert not breaker.may_ask("m", NOW)
