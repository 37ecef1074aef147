"""ClickHouse, and a feed that is stopped again: its triggers outlive the rows of a test."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from tests.analytics.clickhouse import ClickHouse
from tokens.analytics import feed, figures, warehouse


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouse]:
    with ClickHouse(tmp_path_factory.mktemp("clickhouse")) as process:
        yield process


@pytest.fixture
def clickhouse(
    engine: ClickHouse, settings: Settings, transactional_db: None
) -> Iterator[ClickHouse]:
    """Return an empty ClickHouse that the product is set to use."""
    settings.CLICKHOUSE_URL = engine.url
    warehouse.drop()
    yield engine
    feed.stop()
    figures.forget_outage()
