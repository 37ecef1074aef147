"""The pages that are written from the code are what the code says now."""

from devserver import configuration_page, database_page
from devserver.configuration_page import Setting
from tests.webserver import ROOT


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
