"""Whatever happens to receipts, ClickHouse comes to the same sums as PostgreSQL."""

import pytest

from tests.analytics.clickhouse import ClickHouse
from tests.analytics.equality import assert_equal
from tests.analytics.program import Program
from tokens.analytics import comparison, feed
from tokens.models import ReceiptChange
from tokens.usage import aggregates


@pytest.mark.parametrize("seed", range(4))
def test_after_random_work(clickhouse: ClickHouse, seed: int) -> None:
    program = Program(seed)
    program.history()
    feed.feed()
    assert_equal()
    for _ in range(40):
        program.step()
        if program.chance.random() < 0.3:
            feed.feed()
    feed.feed()
    aggregates.aggregate()
    assert not ReceiptChange.objects.exists()
    assert_equal()
    assert comparison.prove() > 0
