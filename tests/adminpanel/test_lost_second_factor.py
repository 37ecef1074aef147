"""Staff remove the second factor that a user has lost: audited, and told to the user."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any
from uuid import uuid4

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.admin.models import LogEntry
from django.test import Client

from accounts import notices, tasks
from accounts.models import User
from accounts.sessions import session_pairs
from config.celery import app
from tests.accounts.mailbox import messages_to
from tests.accounts.second_factor import code_of, enrolled, log_in
from tests.adminpanel.site import signed_in

OnCommit = Callable[..., AbstractContextManager[Any]]
SURE = {"reason": "She showed her passport", "sure": "on"}


@pytest.fixture(autouse=True)
def _celery_at_once(db: None) -> Iterator[None]:
    assert tasks.send_notice  # registered: Celery runs no others at once
    app.conf.task_always_eager = True
    yield
    app.conf.task_always_eager = False


def remove(client: Client, user: User, **form: str) -> int:
    page = client.post(f"/admin/accounts/user/{user.pk}/remove_second_factor/", {**SURE, **form})
    return page.status_code


def has_factor(user: User) -> bool:
    return bool(Authenticator.objects.filter(user=user).exists())


def test_the_factors_and_every_session_end_and_the_user_is_told(
    django_capture_on_commit_callbacks: OnCommit,
) -> None:
    user, secret = enrolled()
    log_in(user, code=code_of(secret))

    with django_capture_on_commit_callbacks(execute=True):
        assert remove(signed_in("admin"), user) == 302

    assert not has_factor(user)
    assert not session_pairs.active(user).exists()
    assert log_in(user).status_code == 200
    [mail] = messages_to(user.email)
    assert mail.subject == "Your second factor was removed"
    [entry] = LogEntry.objects.filter(object_id=str(user.pk))
    assert entry.change_message == "second factor: 1 → 0. Reason: She showed her passport"


def test_done_twice_it_is_noted_and_told_once(
    django_capture_on_commit_callbacks: OnCommit,
) -> None:
    user, _ = enrolled()
    staff = signed_in("admin")

    with django_capture_on_commit_callbacks(execute=True):
        assert [remove(staff, user) for _ in range(2)] == [302, 302]

    assert len(messages_to(user.email)) == 1
    assert LogEntry.objects.filter(object_id=str(user.pk)).count() == 1


@pytest.mark.parametrize("role", ["staff", "support", "finance"])
def test_roles_without_the_permission_are_refused(role: str) -> None:
    user, _ = enrolled()

    assert remove(signed_in(role), user) == 403
    assert has_factor(user)


def test_without_a_reason_nothing_happens() -> None:
    user, _ = enrolled()

    assert remove(signed_in("admin"), user, reason=" ") == 400
    assert has_factor(user)


def test_nobody_removes_the_factor_of_somebody_above_them() -> None:
    root, _ = enrolled(is_staff=True, is_superuser=True)

    assert remove(signed_in("admin"), root) in (400, 403)
    assert has_factor(root)


def test_nobody_removes_their_own_this_way() -> None:
    root, _ = enrolled(is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(root)
    session = client.session
    session["account_authentication_methods"] = [{"method": "mfa", "at": 0}]
    session["account_authentication_methods_user"] = str(root.pk)
    session.save()

    assert remove(client, root) == 400
    assert has_factor(root)


@pytest.mark.parametrize("role", ["admin", "root"])
def test_the_list_of_factors_removes_none(role: str) -> None:
    user, secret = enrolled()
    row = Authenticator.objects.get(user=user)
    staff = signed_in(role)

    page = f"/admin/mfa/authenticator/{row.pk}"
    assert secret not in staff.get(f"{page}/change/").text
    assert staff.post(f"{page}/delete/", {"post": "yes"}).status_code == 403
    assert has_factor(user)


def test_a_notice_whose_task_runs_twice_is_one_message(user: User) -> None:
    once = str(uuid4())

    for _ in range(2):
        notices.send(user.pk, "second_factor_removed", once, {})

    assert len(messages_to(user.email)) == 1
