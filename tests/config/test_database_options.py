"""What DATABASE_URL asks of PostgreSQL holds on the ledger's connections, too."""

import asyncio

import pytest
from django.db import connections

from core.database import connect

pytestmark = pytest.mark.django_db(transaction=True)


async def shown(*names: str) -> list[str]:
    connection = await connect()
    try:
        query = " || ' ' || ".join(f"current_setting('{name}')" for name in names)
        (row,) = await (await connection.execute(f"SELECT {query}")).fetchall()
    finally:
        await connection.close()
    return str(row[0]).split(" ")


def test_its_options_stand_beside_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    options = connections["default"].settings_dict["OPTIONS"]
    monkeypatch.setitem(options, "options", "-c search_path=app")

    assert asyncio.run(shown("search_path", "statement_timeout")) == ["app", "5s"]
