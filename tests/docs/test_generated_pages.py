"""The pages that are written from the code are what the code says now."""

import re

from billing.pricing import plans
from devserver import api_page, configuration_page, database_page, diagrams
from devserver.configuration_page import Setting
from tests.webserver import ROOT
from tokens import tiers


def test_the_configuration_page_is_current() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text()

    assert page == configuration_page.page(), "run: python -m devserver.configuration_page --write"


def test_variables_in_a_row_share_their_comment() -> None:
    text = "# --- One ---\n\n# Of two\n# lines.\n#A=1\n#B=\n# Another.\n#C=x=y\n"

    assert list(configuration_page.settings(text)) == [
        Setting("One", "A", "1", "Of two lines."),
        Setting("One", "B", "", "Of two lines."),
        Setting("One", "C", "x=y", "Another."),
    ]


def test_the_database_page_is_current() -> None:
    page = (ROOT / "docs" / "database.md").read_text()

    assert page == database_page.page(), "run: python -m devserver.database_page --write"


def test_every_table_and_column_has_a_description() -> None:
    assert database_page.undocumented() == []


def test_the_api_page_is_current() -> None:
    page = (ROOT / "docs" / "api.md").read_text()

    assert page == api_page.page(), "run: python -m devserver.api_page --write"


def test_every_diagram_is_drawn() -> None:
    drawn = {path.name for path in diagrams.FOLDER.glob("*.svg")}

    assert drawn == diagrams.expected(), "run: make diagrams"


def test_the_table_of_plans_is_what_a_new_installation_gets() -> None:
    page = (ROOT / "docs" / "plans.md").read_text()
    rows = dict(re.findall(r"^\| (.+?) \| (.+ \| .+ \| .+) \|$", page, re.MULTILINE))

    assert _figures(rows["tokens a month"]) == [tier.monthly_tokens for tier in _tiers()]
    assert _figures(rows["requests a minute"]) == [tier.requests_per_minute for tier in _tiers()]
    assert _figures(rows["weighted tokens a minute"]) == [t.tokens_per_minute for t in _tiers()]
    assert _figures(rows["requests at once"]) == [tier.concurrent_requests for tier in _tiers()]
    assert _figures(rows["API keys"]) == [tier.api_keys for tier in _tiers()]
    assert _figures(rows["most tokens of one answer"]) == [t.max_output_tokens for t in _tiers()]
    prices = [plans.DEFAULTS[name] for name in tiers.DEFAULTS]
    assert _figures(rows["price a month"]) == [plan.price_month // 100 for plan in prices]
    assert _figures(rows["price a year"]) == [plan.price_year // 100 for plan in prices]


def _tiers() -> list[tiers.TierDefaults]:
    return list(tiers.DEFAULTS.values())


def _figures(row: str) -> list[int]:
    return [int(re.sub(r"\D", "", cell)) for cell in row.split("|")]
