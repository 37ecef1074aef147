"""Usage: filters in the URL, charts, receipts and CSV."""

import csv
import io
from uuid import uuid4

import pytest
from django.http import HttpResponseBase
from django.test import Client
from msgspec.structs import replace

from accounts.models import User
from tests.tokens.spending import RECEIPT
from tokens import ledger
from tokens.ledger import HoldContext
from tokens.models import UsageRecord


def use(user: User, tokens: int, *, model: str = "test/model", **context: object) -> UsageRecord:
    """Leave a receipt of a request."""
    told = HoldContext(request_id=uuid4().hex, endpoint="chat", model=model, **context)  # type: ignore[arg-type]
    hold = ledger.reserve(user_id=user.pk, amount=tokens, ttl=60, context=told)
    receipt = replace(RECEIPT, model=model, prompt_tokens=tokens)
    ledger.settle(hold=hold, charge=tokens, receipt=receipt)
    return UsageRecord.objects.get(pk=hold.id)


def body(answer: HttpResponseBase) -> str:
    return b"".join(answer).decode()


def test_without_requests_it_says_so(visitor: Client) -> None:
    assert "Nothing was used" in visitor.get("/portal/usage/").text


def test_the_chart_has_every_day_of_the_range(visitor: Client, user: User) -> None:
    use(user, 500)
    page = visitor.get("/portal/usage/?from=2020-01-01&to=2020-01-31")
    assert "Nothing was used" in page.text
    page = visitor.get("/portal/usage/")
    assert len(page.context["columns"]) == 30
    assert page.context["columns"][-1].value == 500


@pytest.mark.parametrize(
    ("query", "charged"),
    [
        ("", 1_100),
        ("model=test/model", 100),
        ("session=s1", 1_000),
        ("session=nothing", 0),
        ("status=failed", 0),
        ("to=2020-01-01", 0),
    ],
)
def test_filters(visitor: Client, user: User, query: str, charged: int) -> None:
    use(user, 100)
    use(user, 1_000, model="other/model", session="s1")
    for group in ("day", "model", "key", "session"):
        page = visitor.get(f"/portal/usage/?{query}&by={group}")
        assert page.status_code == 200
        assert page.context["charged"] == charged, group


@pytest.mark.parametrize(
    "query",
    [
        "from=yesterday",
        "key=nothing",
        "status=odd",
        "from=2026-02-02&to=2026-01-01",
        "before=x_y",
        "before=2026-01-01_1",
        "by=x",
        "session=" + "x" * 300,
        "model=%F0%9F%A6%8A",
    ],
)
def test_odd_filters_are_no_error(visitor: Client, query: str) -> None:
    assert visitor.get(f"/portal/usage/?{query}").status_code == 200
    assert visitor.get(f"/portal/usage/export.csv?{query}", follow=True).status_code == 200


def test_pages_go_on_where_the_last_ended(visitor: Client, user: User) -> None:
    ids = {str(use(user, 1).pk) for _ in range(51)}
    first = visitor.get("/portal/usage/")
    second = visitor.get(f"/portal/usage/{first.context['older']}")
    shown = [str(row.pk) for page in (first, second) for row in page.context["records"]]
    assert len(shown) == 51
    assert set(shown) == ids
    assert not second.context["older"]
    assert "Newest" in second.text


def test_a_receipt(visitor: Client, user: User) -> None:
    record = use(user, 321, session="agent <b>")
    text = visitor.get(f"/portal/usage/{record.pk}/").text
    assert "321 tokens charged" in text
    assert "agent &lt;b&gt;" in text
    assert record.request_id in text


def test_a_receipt_of_somebody_else_is_none(visitor: Client, user: User) -> None:
    record = use(User.objects.create_user("other@example.com"), 5)
    assert visitor.get(f"/portal/usage/{record.pk}/").status_code == 404
    assert visitor.get("/portal/usage/nothing/").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_csv_has_what_the_filters_show(visitor: Client, user: User) -> None:
    use(user, 7)
    use(user, 8, model="=cmd()")
    answer = visitor.get("/portal/usage/export.csv?from=2020-01-01")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(body(answer))))
    assert sorted(row["charged"] for row in rows) == ["7", "8"]
    assert {row["model"] for row in rows} == {"test/model", "'=cmd()"}
