"""Money can be looked at in the admin site, and nothing else, even by a superuser."""

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.test import RequestFactory

from accounts.models import User
from billing.pricing.plans import seed_plans
from llmproxy.models import PriceChange, WeightChange
from tests.adminpanel.site import fill_site, signed_in
from tests.factories import UserFactory

# What staff set up. Whatever else these apps keep is money, or says what money was paid for.
_EDITABLE = {"tokens.Tier", "billing.Plan", "billing.Pack"}
_MONEY = ("tokens", "billing", "djstripe")


def _pages() -> list[Any]:
    money = [model for app in _MONEY for model in apps.get_app_config(app).get_models()]
    records: list[Any] = [
        *(model for model in money if model._meta.label not in _EDITABLE),
        LogEntry,
    ]
    return [
        admin.site.get_model_admin(model)
        for model in (*records, PriceChange, WeightChange)
        if admin.site.is_registered(model)
    ]


def test_no_page_of_money_lets_anyone_write(db: None, rf: RequestFactory) -> None:
    request = rf.get("/admin/")
    request.user = UserFactory.create(is_staff=True, is_superuser=True)
    assert len(_pages()) > 40
    for page in _pages():
        may = page.get_model_perms(request)
        assert may == {"add": False, "change": False, "delete": False, "view": True}, page
        for inline in page.get_inline_instances(request):
            assert not inline.has_add_permission(request, None), page
        assert "delete_selected" not in page.get_actions(request), page


def test_posting_is_refused(db: None) -> None:
    seed_plans()
    user: User = fill_site()
    root = signed_in("root")
    pages = [
        f"/admin/tokens/balance/{user.pk}",
        f"/admin/tokens/entry/{user.token_entries.all()[0].pk}",
        f"/admin/tokens/usagerecord/{user.usage_records.get().pk}",
        f"/admin/billing/invoice/in_5F{user.pk}",
    ]
    for page in pages:
        assert root.get(f"{page}/change/").status_code == 200, page
        for what in ("change", "delete"):
            assert root.post(f"{page}/{what}/", {"post": "yes"}).status_code == 403, page
