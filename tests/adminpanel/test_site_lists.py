"""The lists of the admin site stay quick: queries do not grow with the rows, nor do counts."""

import re

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from billing.pricing.plans import seed_plans
from core.admin.pages import COUNTED, StaffAdmin
from tests.adminpanel.site import fill_site, signed_in
from tests.tokens.accounts import account
from tokens import ledger
from tokens.models import UsageRecord


def lists() -> dict[str, str]:
    """All but those of Stripe's mirror, which nothing fills here."""
    names = {model._meta.label_lower for model in admin.site._registry}
    ours = sorted(name for name in names if not name.startswith("djstripe."))
    return {name: reverse(f"admin:{name.replace('.', '_')}_changelist") for name in ours}


def queries(client: Client, url: str) -> list[str]:
    with CaptureQueriesContext(connection) as asked:
        page = client.get(url)
    assert page.status_code == 200, url
    return [query["sql"] for query in asked]


def test_queries_do_not_grow_with_rows(db: None) -> None:
    seed_plans()
    root = signed_in("root")
    fill_site()
    for url in lists().values():  # caches warm up
        queries(root, url)
    few = {name: len(queries(root, url)) for name, url in lists().items()}
    for _ in range(3):
        fill_site()
    many = {name: len(queries(root, url)) for name, url in lists().items()}
    assert {name: (few[name], many[name]) for name in few if many[name] > few[name]} == {}


def test_nothing_is_counted_past_a_bound(db: None) -> None:
    seed_plans()
    root = signed_in("root")
    fill_site()
    for url in lists().values():
        counts = [sql for sql in queries(root, url) if "COUNT(*)" in sql]
        assert all(re.search(rf"LIMIT {COUNTED}\b", sql) for sql in counts), counts


def test_rows_are_sorted_before_they_are_joined(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    seed_plans()
    root = signed_in("root")
    monkeypatch.setattr(StaffAdmin, "list_per_page", 1)
    for _ in range(2):
        fill_site()
    for name in ("tokens.usagerecord", "accounts.session", "billing.invoice"):
        asked = queries(root, lists()[name])
        sorted_ = [sql for sql in asked if "ORDER BY" in sql and " IN (" not in sql]
        assert sorted_, name
        assert [sql for sql in sorted_ if 'JOIN "accounts_user"' in sql] == [], name


def test_pages_have_all_rows_in_order(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    seed_plans()
    root = signed_in("root")
    monkeypatch.setattr(StaffAdmin, "list_per_page", 2)
    made = [fill_site() for _ in range(2)]
    url = lists()["accounts.user"]
    pages = [root.get(url, {"p": number}).context["cl"].result_list for number in (1, 2)]
    assert [[row.pk for row in page] for page in pages] == [
        [made[1].pk, made[0].pk],
        [min(User.objects.values_list("pk", flat=True))],
    ]


def test_every_filter_filters(db: None) -> None:
    seed_plans()
    root = signed_in("root")
    fill_site()
    broken = []
    for url in lists().values():
        shown = root.get(url).context.get("cl")
        for filtering in shown.filter_specs if shown else []:
            link = url + list(filtering.choices(shown))[-1].get("query_string", "")
            if root.get(link).status_code != 200:
                broken.append(link)
    assert broken == []


@pytest.mark.parametrize("name", ["tokens.usagerecord", "accounts.user", "billing.invoice"])
def test_a_user_is_found_by_how_his_address_begins(db: None, name: str) -> None:
    seed_plans()
    root = signed_in("root")
    mine, other = fill_site(), fill_site()
    shown = root.get(lists()[name], {"q": mine.email[:-4].upper()}).context["cl"]
    assert shown.result_count == 1
    assert other.email not in str(shown.queryset.values())


def test_a_user_s_holds_are_found_while_they_last_and_others_by_id(db: None) -> None:
    seed_plans()
    root = signed_in("root")
    user = account(100)
    running, ended = (ledger.reserve(user_id=user.pk, amount=10, ttl=60) for _ in range(2))
    ledger.release(hold=ended)
    for asked, found in [(user.email, running.id), (str(ended.id), ended.id)]:
        shown = root.get(lists()["tokens.reservation"], {"q": asked}).context["cl"]
        assert [hold.pk for hold in shown.queryset] == [found]


def test_a_receipt_is_found_by_its_id(db: None) -> None:
    seed_plans()
    root = signed_in("root")
    mine = fill_site()
    fill_site()
    [receipt] = UsageRecord.objects.filter(user=mine)
    url = reverse("admin:tokens_usagerecord_changelist")
    assert list(root.get(url, {"q": str(receipt.pk)}).context["cl"].queryset) == [receipt]
    assert not root.get(url, {"q": "no such thing"}).context["cl"].queryset.exists()
