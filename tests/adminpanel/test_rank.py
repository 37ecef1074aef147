"""Nobody on the staff acts on who is not below them, by any page, action or route."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.core import serializers
from django.db.models import Model
from django.test import Client, RequestFactory
from django.urls import reverse
from rest_framework.test import APIClient

from accounts.models import User
from accounts.sessions import session_pairs
from adminpanel.access import roles
from billing.pricing.plans import seed_plans
from core.admin import rank
from core.admin.pages import Ranked
from tests.accounts.signing_in import verify_address
from tests.adminpanel.site import fill_site
from tests.factories import UserFactory

SURE = {"reason": "because", "sure": "on"}
ACTORS = ("staff", "helpdesk", "support", "finance", "admin", "root")
TARGETS = ("user", "suspended admin", "suspended root", *ACTORS, "oneself")
# Who may act on whom, superusers apart: those who hold all rights of the other, and more.
BELOW: dict[str, set[str]] = {
    "staff": set(),
    "helpdesk": {"user", "staff"},
    "support": {"user", "staff"},
    "finance": {"user", "staff"},
    "admin": {"user", "staff", "helpdesk", "support", "finance"},
}
pairs = [(actor, target) for actor in BELOW for target in TARGETS]


def give(user: User, role: str) -> User:
    """Put a user in a role: staff (in no group), one of ROLES, helpdesk, or root."""
    user.is_staff, user.is_superuser = role != "user", role.endswith("root")
    user.is_active = not role.startswith("suspended")
    user.save()
    if (name := role.removeprefix("suspended ")) in (*roles.ROLES, "helpdesk"):
        user.groups.add(Group.objects.get(name=name))
    return user


@pytest.fixture(autouse=True)
def helpdesk(db: None) -> Group:
    """A group of an operator's own: it edits users, and whatever is theirs."""
    seed_plans()
    made: Group = Group.objects.create(name="helpdesk")
    rights = ("view_user", "change_user", "change_session", "view_session", "delete_authenticator")
    apps = ("accounts", "mfa")
    made.permissions.set(
        Permission.objects.filter(codename__in=rights, content_type__app_label__in=apps)
    )
    return made


@dataclass(frozen=True)
class Case:
    """Somebody of the staff, in a browser and by the API, and whom they try to act on."""

    actor: User
    target: User
    browser: Client
    api: APIClient


@pytest.fixture
def case(actor: str, target: str) -> Case:
    acting = give(fill_site(), actor)
    acted_on = acting if target == "oneself" else give(fill_site(), target)
    if acting != acted_on:  # who has a second factor is asked for it first
        verify_address(acted_on)
        Authenticator.objects.create(user=acted_on, type="totp", data={"secret": "x"})
    browser, api = Client(), APIClient()
    browser.force_login(acting)
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {session_pairs.issue(acting).access}")
    return Case(acting, acted_on, browser, api)


def rows_of(user: User) -> Iterator[tuple[type[Model], Ranked, Model]]:
    """Yield every row of a user that has a page, with its page."""
    for model, page in admin.site._registry.items():
        if isinstance(page, Ranked) and model._meta.label != "admin.LogEntry":
            path = "pk" if page.of_user == "pk" else page.of_user
            for row in model._default_manager.filter(**{path: user.pk}):
                yield model, page, row


def state_of(user: User) -> list[str]:
    """Return all that the database says of a user; where they were last seen apart."""
    rows = [row for _, _, row in rows_of(user)]
    skipped = {"last_login", "last_used_at"}
    return sorted(
        serializers.serialize(
            "json", [row], fields=[f.name for f in row._meta.get_fields() if f.name not in skipped]
        )
        for row in rows
    )


def _actions_of(page: Ranked) -> list[str]:
    """Return the actions on many rows that a superuser has."""
    request: Any = RequestFactory().get("/")
    request.user = User(is_active=True, is_staff=True, is_superuser=True)
    deletes = page.has_delete_permission(request)
    return [*page.actions, "delete_selected"] if deletes else [*page.actions]


def every_attempt(case: Case) -> Iterator[tuple[str, Callable[[], int]]]:
    """Yield every way to act on a user: forms, deletion, actions on one and on many, the API."""
    user = case.target

    def send(url: str, form: dict[str, Any]) -> int:
        return case.browser.post(url, form).status_code

    for model, page, row in rows_of(user):
        at = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        change = reverse(f"{at}_change", args=(row.pk,))
        form = {"email": user.email, "name": "taken over", **SURE}
        yield change, partial(send, change, form)
        delete = reverse(f"{at}_delete", args=(row.pk,))
        yield delete, partial(send, delete, {"post": "yes"})
        for action in _actions_of(page):
            asked = {"action": action, "_selected_action": [str(row.pk)], "post": "yes"}
            whole = {**asked, "select_across": "1"}
            url = reverse(f"{at}_changelist")
            yield f"{url} {action}", partial(send, url, asked)
            if case.actor == user or not rank.may_act_on(case.actor, user):
                yield f"{url} {action} all", partial(send, url, whole)
    mine = f"/admin/accounts/user/{user.pk}"
    password = {"password1": "Xk29-lmno-44", "password2": "Xk29-lmno-44", "usable_password": "true"}
    yield "password", partial(send, f"{mine}/password/", password)
    actions: Any = admin.site._registry[User]
    fitting = {"amount": 5, "once": uuid4(), "plan": "enterprise", "epoch": user.epoch, **SURE}
    for name in actions.actions_detail:
        yield name, partial(send, f"{mine}/{name}/", fitting)
    body = {"plan": "enterprise", "reason": "because"}
    url = f"/api/admin/users/{user.pk}/plan"
    yield url, lambda: case.api.put(url, body, format="json").status_code


def may_act_on(actor: str, target: str) -> bool:
    """Tell whether somebody in one role may act on somebody in another."""
    acting: User = give(UserFactory.create(), actor)
    acted_on = acting if target == "oneself" else give(UserFactory.create(), target)
    return rank.may_act_on(acting, acted_on)


@pytest.mark.parametrize(("actor", "target"), pairs)
def test_every_action_follows_the_rule_of_rank(actor: str, target: str) -> None:
    expected = target in BELOW[actor]
    assert may_act_on(actor, target) is expected


@pytest.mark.parametrize("target", TARGETS)
def test_superusers_act_on_everyone(target: str) -> None:
    assert may_act_on("root", target)


@pytest.mark.parametrize(
    ("actor", "target"),
    [
        (actor, target)
        for actor, below in BELOW.items()
        for target in TARGETS
        if target not in below
    ],
)
def test_nothing_of_who_is_not_below_is_changed(case: Case) -> None:
    before = state_of(case.target)
    for name, attempt in every_attempt(case):
        # A list is shown again to a reader who has no such action. One's own password is changed on
        # the account pages, to which this one leads.
        is_own = name == "password" and case.actor == case.target
        refusals = (200, 302, 403) if " " in name else ((302,) if is_own else (403,))
        assert attempt() in refusals, name
    assert state_of(case.target) == before


@pytest.mark.parametrize(("actor", "target"), [("admin", "user"), ("admin", "support")])
def test_who_is_below_is_within_reach(case: Case) -> None:
    """The same attempts do something: the refusals above are not for another reason."""
    answers = {name: attempt() for name, attempt in every_attempt(case)}
    acted = ("password", "grant_tokens", "change_plan", "suspend", "resume", "revoke_sessions")
    assert {name: answers[name] for name in acted} == dict.fromkeys(acted, 302)
    assert answers[f"/api/admin/users/{case.target.pk}/plan"] == 200
    assert not Authenticator.objects.filter(user=case.target).exists()
    assert not case.target.api_keys.filter(revoked_at=None).exists()


@pytest.mark.parametrize(("actor", "target"), [("helpdesk", "user"), ("admin", "user")])
def test_nobody_gives_rights(case: Case) -> None:
    """Not to others, not to themselves, and not to a group that they are in."""
    given = {
        "is_staff": "on",
        "is_superuser": "on",
        "groups": [str(pk) for pk in Group.objects.values_list("pk", flat=True)],
        "user_permissions": [str(Permission.objects.values_list("pk", flat=True)[0])],
    }
    for user in (case.target, case.actor):
        was = (user.is_staff, user.is_superuser, set(user.groups.all()))
        url = f"/admin/accounts/user/{user.pk}/change/"
        case.browser.post(url, {"email": user.email, "name": "x", **given})
        user.refresh_from_db()
        assert (user.is_staff, user.is_superuser, set(user.groups.all())) == was
        assert not user.user_permissions.exists()
    before = set(Group.objects.values_list("name", "permissions"))
    for group in Group.objects.all():
        url = f"/admin/auth/group/{group.pk}"
        form = {"name": "x", "permissions": given["user_permissions"]}
        assert case.browser.post(f"{url}/change/", form).status_code == 403
        assert case.browser.post(f"{url}/delete/", {"post": "yes"}).status_code == 403
    assert case.browser.post("/admin/auth/group/add/", {"name": "y"}).status_code == 403
    assert set(Group.objects.values_list("name", "permissions")) == before


def _signed_in(user: User) -> User:
    session_pairs.active(user).delete()
    session_pairs.issue(user)
    return user


@pytest.mark.parametrize(("actor", "target"), [("admin", "root")])
def test_a_selection_with_one_row_out_of_reach_is_refused_whole(case: Case) -> None:
    users = (UserFactory.create(), case.target)
    both = [str(session_pairs.active(user).get().pk) for user in map(_signed_in, users)]
    form = {"action": "sign_out", "_selected_action": both}
    assert case.browser.post("/admin/accounts/session/", form).status_code == 403
    assert all(session_pairs.active(user).exists() for user in users)


@pytest.mark.parametrize(("actor", "target"), [("admin", "support"), ("admin", "admin")])
def test_actions_are_offered_on_who_is_below(case: Case, target: str) -> None:
    page = case.browser.get(f"/admin/accounts/user/{case.target.pk}/change/").text
    assert ("/grant_tokens/" in page) is (target == "support")
