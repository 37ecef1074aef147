"""A batch reads the rows that it is about, however far the tables have outgrown its plans."""

import pytest
from django.db import connection

from accounts.models import User
from tests.tokens.accounts import account
from tokens.ledger import Hold, Receipt, items
from tokens.ledger.batching import as_json
from tokens.ledger.functions import call

pytestmark = pytest.mark.django_db


def reserve(user: User, count: int) -> list[Hold]:
    asked = [items.to_hold(user.pk, 10, None, 60, None, None) for _ in range(count)]
    call("tokens_reserve", as_json(asked))
    return [Hold(item["id"], user.pk, 10, 0) for item in asked]


def settle(holds: list[Hold]) -> None:
    closing = [items.to_close(hold, 7, Receipt(model="m")) for hold in holds]
    call("tokens_settle", as_json(closing))


def rows_read() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(seq_tup_read + idx_tup_fetch) FROM pg_stat_xact_user_tables"
            " WHERE relname = 'tokens_reservation' OR relname LIKE 'tokens_usagerecord%'"
        )
        (rows,) = cursor.fetchone()
    return int(rows)


def test_settling_reads_few_rows_with_stale_statistics() -> None:
    user = account(1_000_000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE tokens_reservation; DISCARD PLANS")
    settle(reserve(user, 2))  # planned while the table is known to be empty
    settle(reserve(user, 500))

    before = rows_read()
    settle(reserve(user, 2))

    assert rows_read() - before <= 10
