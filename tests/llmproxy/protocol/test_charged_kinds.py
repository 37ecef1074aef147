"""The tokens of each kind that are charged, and when a stream is cut."""

import pytest

from llmproxy.protocol.usage import Billable, OutputTally, Usage, billable


@pytest.mark.parametrize(
    ("usage", "charged"),
    [
        (Usage(100, 20), Billable(100, 0, 0, 20)),
        (Usage(100, 20, cache_read=60), Billable(40, 60, 0, 20)),
        (Usage(100, 20, cache_write=30), Billable(70, 0, 30, 20)),
        (Usage(100, 20, cache_read=60, cache_write=30), Billable(10, 60, 30, 20)),
        # More of the cache than there is of the prompt: reads have precedence.
        (Usage(100, 20, cache_read=101), Billable(0, 100, 0, 20)),
        (Usage(100, 20, cache_read=60, cache_write=50), Billable(0, 60, 40, 20)),
        # Reasoning and surplus are already part of the completion.
        (Usage(100, 20, reasoning=15, surplus=5), Billable(100, 0, 0, 20)),
    ],
)
def test_each_token_is_charged_once(usage: Usage, charged: Billable) -> None:
    assert billable(usage) == charged


def tally(events: int, characters: int) -> OutputTally:
    """Return a tally of so many events with so many characters each."""
    made = OutputTally()
    for _ in range(events):
        made.add(characters)
    return made


@pytest.mark.parametrize(("characters", "tokens"), [(1, 1), (4, 1), (5, 2), (400, 100)])
def test_a_token_has_four_characters(characters: int, tokens: int) -> None:
    assert tally(1, characters).tokens() == tokens


def test_many_events_pass_their_limit_by_half_and_a_little() -> None:
    """More events than tokens were asked for: 4 x (50 x 1.5 + 64) = 556 characters."""
    assert not tally(139, 4).passes(50)  # 556
    assert tally(140, 4).passes(50)  # 560


def test_few_events_must_pass_their_limit_by_far() -> None:
    """No more events than tokens: 4 x (100 x 16 + 64) = 6,656 characters."""
    assert not tally(64, 104).passes(100)  # 6,656
    assert tally(64, 105).passes(100)
    assert not tally(100, 20).passes(100), "each may be one token"
    assert tally(101, 20).passes(100)


def test_it_is_looked_at_every_64_events() -> None:
    made = tally(63, 1000)

    assert not made.passes(10)
    made.add(1000)
    assert made.passes(10)
    made.add(1000)
    assert not made.passes(10), "it was looked at just before"
    for _ in range(62):
        made.add(1)
    assert not made.passes(10)
    made.add(1)
    assert made.passes(10)


def test_a_block_counts_as_its_events() -> None:
    made = OutputTally()
    made.add(100_000, events=64)

    assert made.passes(10)
