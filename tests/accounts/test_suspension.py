"""However a user is suspended or removed, whatever they were signed in by is refused at once."""

from collections.abc import Callable

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts.flows import deletion
from accounts.models import User
from accounts.sessions import session_pairs
from apikeys import keys
from tests.accounts.signing_in import code, fresh_email, log_in, profile, refresh
from tests.factories import PASSWORD


def by_saving(user: User) -> None:
    user.is_active = False
    user.save()


def by_updating(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def in_the_admin(user: User) -> None:
    client = Client()
    client.force_login(User.objects.create_superuser(fresh_email(), PASSWORD))
    form = {"reason": "spam", "sure": "on"}
    for _ in range(2):
        page = client.post(f"/admin/accounts/user/{user.pk}/suspend/", form)
        assert page.status_code == 302


def by_deletion(user: User) -> None:
    deletion.delete(user)


@pytest.mark.parametrize("end", [by_saving, by_updating, in_the_admin, by_deletion])
def test_everything_ends_at_once(user: User, client: Client, end: Callable[[User], None]) -> None:
    pair = session_pairs.issue(user)
    _, key = keys.create(user=user, name="editor")
    client.force_login(user)

    end(user)

    api = APIClient()
    assert (profile(pair.access).status_code, code(profile(pair.access))) == (401, "invalid_token")
    renewed = refresh(api, pair.refresh)
    assert (renewed.status_code, code(renewed)) == (401, "invalid_token")
    by_key = api.get("/api/auth/me", headers={"X-API-Key": key})
    assert (by_key.status_code, code(by_key)) == (401, "invalid_api_key")
    assert code(log_in(api, user)) == "invalid_credentials"
    assert client.get("/accounts/").status_code == 302


def test_reactivated_he_signs_in_anew(user: User, client: Client) -> None:
    """Their keys are good again: they are no sign-in, and were refused meanwhile."""
    pair = session_pairs.issue(user)
    _, key = keys.create(user=user, name="editor")
    client.force_login(user)

    in_the_admin(user)
    User.objects.filter(pk=user.pk).update(is_active=True)

    api = APIClient()
    assert code(profile(pair.access)) == "token_revoked"
    assert code(refresh(api, pair.refresh)) == "token_revoked"
    assert client.get("/accounts/").status_code == 302
    assert api.get("/api/auth/me", headers={"X-API-Key": key}).status_code == 200
    assert log_in(api, user).status_code == 200
