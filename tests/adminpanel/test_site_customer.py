"""A user's page in the admin site: all about them, and the actions of staff."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from accounts.sessions import session_pairs
from billing.pricing.plans import seed_plans
from tests.adminpanel.site import fill_site, signed_in
from tests.factories import UserFactory
from tokens.ledger import open_account
from tokens.ledger.verify import verify

SURE = {"reason": "because", "sure": "on"}


@pytest.fixture(autouse=True)
def plans(db: None) -> None:
    seed_plans()


def act(client: Client, user: User, action: str, **form: object) -> int:
    page = client.post(f"/admin/accounts/user/{user.pk}/{action}/", {**SURE, **form})
    return page.status_code


def noted(user: User) -> list[str]:
    return [entry.change_message for entry in LogEntry.objects.filter(object_id=str(user.pk))]


def test_all_about_him_in_few_queries() -> None:
    user, root = fill_site(), signed_in("support")
    url = f"/admin/accounts/user/{user.pk}/change/"
    root.get(url)
    with CaptureQueriesContext(connection) as few:
        page = root.get(url).text
    for shown in ("Pro", "test/model", "editor", "test: 0 → 1. Reason: x", "unnamed device"):
        assert shown in page
    for _ in range(3):
        session_pairs.issue(user)
    with CaptureQueriesContext(connection) as more:
        root.get(url)
    assert len(more) == len(few) <= 20


def test_what_a_reader_may_not_list_is_left_out() -> None:
    user = fill_site()
    page = signed_in("finance").get(f"/admin/accounts/user/{user.pk}/change/").text
    assert "test/model" in page
    assert "unnamed device" not in page
    assert "editor" not in page


def test_tokens_are_granted_once_a_form(user: User) -> None:
    finance, once = signed_in("finance"), uuid4()
    for _ in range(2):
        assert act(finance, user, "grant_tokens", amount=500, once=once) == 302
    assert open_account(user.pk).bonus == 500
    assert noted(user) == ["bonus tokens: 0 → 500. Reason: because"]
    assert verify() == []


def test_each_form_is_its_own(user: User) -> None:
    finance = signed_in("finance")
    url = f"/admin/accounts/user/{user.pk}/grant_tokens/"
    forms = [finance.get(url).context["form"]["once"].value() for _ in range(2)]
    assert forms[0] != forms[1]
    assert open_account(user.pk).bonus == 0  # looking gives nothing


def test_granted_tokens_expire(user: User) -> None:
    finance = signed_in("finance")
    soon = {"amount": 5, "once": uuid4(), "expires_at": "2099-01-01T00:00"}
    assert act(finance, user, "grant_tokens", **soon) == 302
    assert user.token_grants.get().expires_at == datetime(2099, 1, 1, tzinfo=UTC)
    late = {**soon, "once": uuid4(), "expires_at": "2001-01-01T00:00"}
    assert act(finance, user, "grant_tokens", **late) == 400


@pytest.mark.parametrize(
    "form", [{"reason": ""}, {"reason": " "}, {"sure": ""}, {"amount": 0}, {"amount": "x"}]
)
def test_invalid_forms_are_shown_again(user: User, form: dict[str, object]) -> None:
    whole = {"amount": 5, "once": uuid4(), **form}
    assert act(signed_in("finance"), user, "grant_tokens", **whole) == 400
    assert open_account(user.pk).bonus == 0
    assert noted(user) == []


def test_a_plan_is_changed(user: User) -> None:
    assert act(signed_in("finance"), user, "change_plan", plan="pro") == 302
    assert open_account(user.pk).tier_id == "pro"
    assert noted(user) == ["plan: free → pro. Reason: because"]


def test_a_user_is_suspended_and_resumed(user: User) -> None:
    staff = signed_in("admin")
    page = f"/admin/accounts/user/{user.pk}"
    for action in ("suspend", "suspend", "resume", "resume"):
        assert act(staff, user, action) == 302
        offered = staff.get(f"{page}/change/").text
        other = {"suspend": "resume", "resume": "suspend"}[action]
        assert (f"{page}/{other}/" in offered, f"{page}/{action}/" in offered) == (True, False)
    user.refresh_from_db()
    assert user.is_active
    assert sorted(noted(user)) == [
        "status: active → suspended. Reason: because",
        "status: suspended → active. Reason: because",
    ]


def test_sessions_are_revoked_once_a_form(user: User) -> None:
    session_pairs.issue(user)
    support = signed_in("support")
    for _ in range(2):
        assert act(support, user, "revoke_sessions", epoch=user.epoch) == 302
    assert not session_pairs.active(user).exists()
    assert noted(user) == ["sessions: 1 → 0. Reason: because"]


@pytest.mark.parametrize(
    ("role", "action"),
    [
        ("support", "grant_tokens"),
        ("support", "change_plan"),
        ("support", "suspend"),
        ("finance", "suspend"),
        ("finance", "resume"),
        ("finance", "revoke_sessions"),
        ("staff", "revoke_sessions"),
    ],
)
def test_who_may_not(user: User, role: str, action: str) -> None:
    client = signed_in(role)
    form = {"amount": 5, "once": uuid4(), "plan": "pro", "epoch": user.epoch}
    assert act(client, user, action, **form) == 403
    assert client.get(f"/admin/accounts/user/{user.pk}/{action}/").status_code == 403
    assert noted(user) == []


def test_superusers_are_out_of_reach() -> None:
    staff = signed_in("admin")
    boss = UserFactory.create(is_staff=True, is_superuser=True)
    assert act(staff, boss, "suspend") == 403
    page = f"/admin/accounts/user/{boss.pk}/change/"
    assert staff.post(page, {"email": "mine@example.com", "name": ""}).status_code == 403
    assert staff.post(f"/admin/accounts/user/{boss.pk}/password/", {}).status_code == 403


def test_nobody_makes_himself_a_superuser(user: User) -> None:
    staff = signed_in("admin")
    form = {"email": user.email, "name": "Ada", "is_superuser": "on"}
    assert staff.post(f"/admin/accounts/user/{user.pk}/change/", form).status_code == 302
    user.refresh_from_db()
    assert (user.name, user.is_superuser) == ("Ada", False)


def test_a_form_without_its_token_does_nothing(user: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(UserFactory.create(is_staff=True, is_superuser=True))
    assert act(client, user, "suspend") == 403
    user.refresh_from_db()
    assert user.is_active
