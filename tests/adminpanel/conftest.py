"""Staff of every role, signed in."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group
from rest_framework.test import APIClient

from accounts.models import User
from accounts.sessions import session_pairs
from adminpanel.access import roles
from tests.factories import UserFactory

As = Callable[[str], APIClient]


@pytest.fixture
def as_role(db: None) -> As:
    """Return a client of somebody in a role: user, staff (in no group), one of ROLES, or root."""

    def make(role: str) -> APIClient:
        staff: User = UserFactory.create(is_staff=role != "user", is_superuser=role == "root")
        if role in roles.ROLES:
            staff.groups.add(Group.objects.get(name=role))
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {session_pairs.issue(staff).access}")
        return client

    return make


@pytest.fixture
def support(as_role: As) -> APIClient:
    return as_role("support")
