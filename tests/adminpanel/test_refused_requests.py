"""Users who met a limit or an empty balance: counted in memory, written together, shown."""

from collections.abc import Iterator
from datetime import date, timedelta
from unittest.mock import patch

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from core import refusals as counted
from tests.accounts.racing import race
from tests.accounts.signing_in import signed_in as with_session
from tests.adminpanel.site import signed_in
from tests.factories import UserFactory
from tokens.models import RefusedDay
from tokens.usage import refusals

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_counted() -> Iterator[None]:
    counted.take()
    yield
    counted.take()


def today() -> date:
    return timezone.now().date()


def rows() -> dict[tuple[int, str], int]:
    found = RefusedDay.objects.values_list("user_id", "code", "requests")
    return {(user_id, code): requests for user_id, code, requests in found}


def test_a_refusal_of_the_api_is_counted_without_a_write(api: APIClient) -> None:
    user = UserFactory.create()
    with_session(api, user)
    for _ in range(3):
        body = {"amount": 10**12}
        assert api.post("/api/tokens/reserve", body, format="json").status_code == 402
    assert rows() == {}
    with CaptureQueriesContext(connection) as asked:
        assert refusals.write() == 1
    assert len(asked) == 1
    assert rows() == {(user.pk, "insufficient_tokens"): 3}
    assert refusals.write() == 0


def test_days_add_up_and_other_errors_do_not_count(api: APIClient) -> None:
    user = UserFactory.create()
    with_session(api, user)
    assert api.post("/api/tokens/reserve", {}, format="json").status_code == 400
    for _ in range(2):
        counted.note(user.pk, "rate_limited")
        refusals.write()
    counted.note(None, "rate_limited")
    assert refusals.write() == 0
    assert rows() == {(user.pk, "rate_limited"): 2}


@pytest.mark.django_db(transaction=True)
def test_two_workers_write_at_once() -> None:
    users = [UserFactory.create() for _ in range(5)]

    def work() -> None:
        for user in users:
            counted.note(user.pk, "rate_limited")
        refusals.write()

    race(work, runners=6)
    refusals.write()
    assert rows() == {(user.pk, "rate_limited"): 6 for user in users}


def test_a_failed_write_loses_nothing() -> None:
    user = UserFactory.create()
    counted.note(user.pk, "rate_limited", times=4)
    broken = patch.object(refusals, "_ADD", "SELECT 1 FROM no_such_table")
    with broken, pytest.raises(Exception, match="no_such_table"), transaction.atomic():
        refusals.write()
    refusals.write()
    assert rows() == {(user.pk, "rate_limited"): 4}


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counted, "_MOST", 2)
    for number in range(5):
        counted.note(number, "rate_limited")
    counted.note(0, "rate_limited")
    assert counted.take() == {(0, "rate_limited"): 2, (1, "rate_limited"): 1}


def test_staff_see_who_was_refused_most() -> None:
    few, many = UserFactory.create(), UserFactory.create()
    counted.note(few.pk, "rate_limited", times=2)
    counted.note(many.pk, "insufficient_tokens", times=30)
    counted.note(many.pk, "concurrency_limited", times=5)
    refusals.write()
    found = refusals.top(since=today(), until=today() + timedelta(days=1), at_most=5)
    assert [(row.user_id, row.of_balance, row.of_limits) for row in found] == [
        (many.pk, 30, 5),
        (few.pk, 0, 2),
    ]
    support = signed_in("support")
    page = support.get("/admin/refused/").content.decode()
    assert page.index(many.email) < page.index(few.email)
    assert (
        "insufficient_tokens 30" in support.get("/admin/export/refused-users.csv").content.decode()
    )
    assert signed_in("none").get("/admin/refused/").status_code == 403


def test_old_days_are_forgotten() -> None:
    user = UserFactory.create()
    for days in (0, 399, 401):
        day = today() - timedelta(days=days)
        RefusedDay.objects.create(day=day, user=user, code="rate_limited", requests=1)
    assert refusals.forget_old() == 1
    assert RefusedDay.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_user_who_is_no_more_keeps_nobody_elses_counts_from_being_stored() -> None:
    user = UserFactory.create()
    counted.note(user.pk + 1_000, "rate_limited")
    counted.note(user.pk, "rate_limited")
    refusals.write()
    assert rows() == {(user.pk, "rate_limited"): 1}
    assert refusals.write() == 0


@pytest.mark.parametrize("page", ["margin", "refused"])
def test_the_last_day_of_the_calendar_is_no_failure(page: str) -> None:
    query = {"from": "9999-12-31", "to": "9999-12-31"}
    assert signed_in("finance").get(f"/admin/{page}/", query).status_code in (200, 403)
    assert signed_in("admin").get(f"/admin/{page}/", query).status_code == 200
