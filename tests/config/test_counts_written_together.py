"""What a web worker's event loop counts is written together: in a moment, or before a scrape."""

import asyncio

from prometheus_client import CollectorRegistry

from core import instruments
from core.instruments import Counter, Histogram


async def test_a_scrape_and_the_end_write_what_was_counted() -> None:
    registry = CollectorRegistry()
    counter = Counter("told", "Told.", registry=registry)
    histogram = Histogram("took", "Took.", buckets=(1, 2), registry=registry)
    instruments.write_together(asyncio.get_running_loop())
    try:
        counter.inc(2)
        counter.inc(3)
        histogram.observe(1.5)
        before = registry.get_sample_value("told_total")
        await asyncio.to_thread(instruments.write)
        scraped = registry.get_sample_value("told_total")
        await asyncio.to_thread(counter.inc, 4)
        beside = registry.get_sample_value("told_total")
        counter.inc()
    finally:
        instruments.write_at_once()

    assert (before, scraped, beside) == (0, 5, 9)
    assert registry.get_sample_value("told_total") == 10
    assert registry.get_sample_value("took_sum") == 1.5
    assert registry.get_sample_value("took_bucket", {"le": "2.0"}) == 1
