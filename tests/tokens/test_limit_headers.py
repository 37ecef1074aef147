"""OpenAI's headers for the limits of a caller."""

import pytest

from tokens.limits.states import Limits, State, duration

STATE = State(
    refused=0,
    wait=0,
    bucket=0,
    requests_left=7,
    requests_reset=61_500,
    tokens_left=900,
    tokens_reset=20,
    slots_left=1,
    key_left=5,
    key_reset=3_000,
)


def headers(limit: str, left: str, reset: str) -> dict[str, str]:
    return {
        "x-ratelimit-limit-requests": limit,
        "x-ratelimit-remaining-requests": left,
        "x-ratelimit-reset-requests": reset,
        "x-ratelimit-limit-tokens": "1000",
        "x-ratelimit-remaining-tokens": "900",
        "x-ratelimit-reset-tokens": "20ms",
    }


def test_the_headers_have_the_limits_what_is_left_and_when_they_reset() -> None:
    assert Limits(60, 1000, 2).headers(STATE) == headers("60", "7", "1m1.5s")


def test_the_key_is_shown_where_it_has_fewer_requests_left() -> None:
    limits = Limits(60, 1000, 2, key_requests_per_minute=10)

    assert limits.headers(STATE) == headers("10", "5", "3s")
    assert limits.headers(STATE._replace(key_left=7)) == headers("60", "7", "1m1.5s")
    assert limits.headers(STATE._replace(key_left=8)) == headers("60", "7", "1m1.5s")


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "0s"),
        (1, "1ms"),
        (999, "999ms"),
        (1000, "1s"),
        (59_950, "59.95s"),
        (60_000, "1m0s"),
        (90_500, "1m30.5s"),
        (3_600_000, "60m0s"),
    ],
)
def test_durations_are_written_like_openais(ms: int, text: str) -> None:
    assert duration(ms) == text
