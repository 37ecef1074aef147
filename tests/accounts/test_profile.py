import json
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from tests.accounts.signing_in import code, signed_in


@pytest.mark.parametrize("method", ["put", "patch"])
def test_the_name_can_be_changed(api: APIClient, user: User, method: str) -> None:
    signed_in(api, user)
    response = getattr(api, method)("/api/users/profile", {"name": "Ada"}, format="json")
    assert response.status_code == 200
    assert response.json()["name"] == "Ada"
    assert api.get("/api/users/profile").json() == response.json()


def test_put_needs_all_and_patch_nothing(api: APIClient, user: User) -> None:
    signed_in(api, user)
    assert api.put("/api/users/profile", {}, format="json").status_code == 400
    assert api.patch("/api/users/profile", {}, format="json").status_code == 200


def test_nothing_else_can_be_changed(api: APIClient, user: User) -> None:
    signed_in(api, user)
    changes = {"id": 1, "email": "x@example.com", "is_staff": True, "is_superuser": True}
    assert api.patch("/api/users/profile", changes, format="json").status_code == 200
    after = User.objects.get(pk=user.pk)
    assert (after.email, after.is_staff, after.is_superuser) == (user.email, False, False)


@pytest.mark.parametrize("name", ["x" * 151, "a\0b", "\ud800", None, [], {}])
def test_unfit_name(api: APIClient, user: User, name: Any) -> None:
    signed_in(api, user)
    body = json.dumps({"name": name})  # which escapes a surrogate
    response = api.patch("/api/users/profile", body, content_type="application/json")
    assert (response.status_code, code(response)) == (400, "invalid_request")
    assert response.json()["error"]["param"] == "name"
