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
